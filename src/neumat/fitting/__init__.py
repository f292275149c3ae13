"""The fit of both forms. The only part of neumat that imports torch, and only when a fit starts."""
