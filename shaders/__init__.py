"""The hand-written Slang library; its files are found with importlib.resources."""
