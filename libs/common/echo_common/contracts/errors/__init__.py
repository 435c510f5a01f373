"""Errors of each service, in a module of its name: the service raises these, the gateway lists them in OpenAPI.

A class belongs here when clients may see its code. Errors that every service may return (validation, 401, 429, 503 …) are in
`echo_common.errors`; an error that never leaves its service stays there.
"""
