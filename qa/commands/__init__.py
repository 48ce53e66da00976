"""The commands of `qa`, one module for each use; what they share is in ``options`` and ``output``."""
