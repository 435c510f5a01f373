"""Examples in the documentation of the API."""

USER = {
    "id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "email": "ada@example.com",
    "username": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "preferred_language": "en",
    "date_of_birth": "1915-12-10",
    "plan": "user",
    "role": "user",
    "two_factor_enabled": False,
    "discoverable": False,
    "created_at": "2026-01-31T10:00:00Z",
    "last_login": "2026-01-31T10:00:00Z",
    "last_active_date": "2026-01-31T10:00:00Z",
}
TOKENS = {"access_token": "eyJ…", "refresh_token": "sTf0…", "token_type": "Bearer", "expires_in": 900}
LOGIN = TOKENS | {"user": USER}
ECHO_USER = {
    "_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "Ada",
    "email": "ada@example.com",
    "created_at": "2026-01-31T10:00:00Z",
}
PROFILE = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "date_of_birth": "1915-12-10",
    "preferred_language": "en",
    "avatar_url": "/api/v1/users/me/profile/avatar",
}
SESSION = {
    "id": "ses_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "device": "Firefox on Linux",
    "address": "203.0.113.7",
    "start_time": "2026-01-31T10:00:00Z",
    "expiry_time": "2026-03-02T10:00:00Z",
    "last_activity": "2026-01-31T10:00:00Z",
    "current": True,
}
MAIL = {
    "id": "mail_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "kind": "password_reset",
    "to": "ada@example.com",
    "status": "logged",
    "link": "http://localhost:8080/reset-password#token=mail_01K9ZX3V5T4S2R1Q0P9N8M7K6J.sTf0…",
    "attempts": 1,
    "error": None,
    "created_at": "2026-01-31T10:00:00Z",
    "expires_at": "2026-01-31T11:00:00Z",
}
PAGE = {
    "pagination": {
        "total_count": 1,
        "limit": 20,
        "offset": 0,
        "has_more": False,
        "page": 1,
        "page_size": 20,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
    }
}
TOTP_SETUP = {
    "secret": "JBSWY3DPEHPK3PXP…",
    "otpauth_uri": "otpauth://totp/Echo:ada%40example.com?secret=JBSWY3DPEHPK3PXP…&issuer=Echo",
    "qr_code": "data:image/svg+xml;charset=utf-8,…",
}
RECOVERY_CODES = {"recovery_codes": ["k5dq-x2tr-7mzc-4lfa", "…"]}
PASSKEY = {
    "id": "pky_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "Ada's phone",
    "backed_up": True,
    "created_at": "2026-01-31T10:00:00Z",
    "last_used_at": None,
}
PASSKEY_CREATION = {
    "public_key": {
        "rp": {"name": "Echo", "id": "localhost"},
        "user": {"id": "dXNyXzAx…", "name": "ada@example.com", "displayName": "ada@example.com"},
        "challenge": "k7Q4…",
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "timeout": 300000,
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": True, "userVerification": "preferred"},
        "attestation": "none",
    }
}
PASSKEY_REQUEST = {"public_key": {"challenge": "k7Q4…", "timeout": 300000, "rpId": "localhost", "userVerification": "required"}}
KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "…", "x": "…"}]}
SYSTEM_SETTING = {
    "key": "auth.verify_email",
    "value": True,
    "default": False,
    "description": "Require new users to confirm their email address before they can log in.",
    "minimum": None,
    "maximum": None,
    "choices": None,
    "last_updated": "2026-01-31T10:00:00Z",
    "updated_by": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
}
AUDIT_ENTRY = {
    "sequence": 17,
    "at": "2026-01-31T10:00:00Z",
    "action": "logged_in",
    "actor": "6f1c0b6b3f0d4f0e9a51c2d7e8b90a12",
    "target": "6f1c0b6b3f0d4f0e9a51c2d7e8b90a12",
    "network": "203.0.113.0/24",
    "details": {},
    "previous": "9c1d…",
    "hash": "4be0…",
}
AUDIT_VERIFICATION = {"intact": True, "entries": 17, "sequence": 17, "hash": "4be0…", "problems": []}
API_KEY = {
    "id": "key_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "name": "Podcast build",
    "prefix": "echo_7Gd2kQ",
    "scopes": ["speech:read", "speech:write"],
    "created_at": "2026-01-31T10:00:00Z",
    "expires_at": "2036-01-31T10:00:00Z",
    "last_used_at": None,
}
ADMINISTERED_USER = USER | {"is_active": True, "last_active_date": "2026-01-31T10:00:00Z"}
ERASURE = {
    "id": "era_6f1c0b6b3f0d4f0e9a51c2d7e8b90a12",
    "pseudonym": "6f1c0b6b3f0d4f0e9a51c2d7e8b90a12",
    "requested_at": "2026-01-31T10:00:00Z",
    "confirmed": {"gateway": "2026-01-31T10:00:01Z"},
    "waiting_for": ["synthesis", "voice"],
    "completed_at": None,
}
RETENTION = {
    "counts": {"warn": 1},
    "items": [{"user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J", "step": "warn", "last_active_date": "2026-01-31T10:00:00Z"}],
}
EXPORT = {
    "export_id": "exp_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "status": "completed",
    "progress": 100,
    "size": 5120334,
    "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "files": 42,
    "missing": 0,
    "services": ["auth", "synthesis", "voice"],
    "omitted_services": [],
    "created_at": "2026-01-31T10:00:00Z",
    "expires_at": "2026-02-07T10:00:05Z",
    "error_code": None,
    "error": None,
}
EXPORT_LINK = {
    "url": "/api/v1/users/me/exports/exp_01K9ZX3V5T4S2R1Q0P9N8M7K6J/download?expires=1769853900&signature=3q2-7w…",
    "expires_at": "2026-01-31T10:05:00Z",
}
