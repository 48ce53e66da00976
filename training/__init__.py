"""How the bundled models were made. Nothing in ``qa`` imports this."""
