"""Everything that knows transformer_lens and transformers: finding, loading, reading and checking models."""
