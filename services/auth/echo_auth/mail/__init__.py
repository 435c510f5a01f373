"""Delivery of mails: a port with adapters for SMTP and for the operator's log."""
