"""Cache of synthesised segments."""
