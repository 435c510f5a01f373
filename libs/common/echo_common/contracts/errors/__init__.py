"""What each service refuses, in a module of its name: the service raises these, the gateway lists them in OpenAPI.

A class is here when a client may see its code. What every service may answer (validation, 401, 429, 503 …) is in
`echo_common.errors`; an error that never leaves its service stays there.
"""
