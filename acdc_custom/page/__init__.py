"""HTML pages that stand alone: templates and assets, inline pictures, panels of nodes."""
