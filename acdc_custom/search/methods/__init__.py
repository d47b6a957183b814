"""Search methods, one module each: every module here has a `METHOD`, and the registry finds it.

What is heavy is imported inside functions, so that the command line can list the methods at once.
"""
