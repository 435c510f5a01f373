import { call, fragment, report, showForm, texts } from "./page.js";

const COOKIE = { "X-Refresh-Token": "cookie" };
const second = document.getElementById("second");
const linkToken = fragment.get("link_token");

const messages = new Map([
  ["ACCOUNT_INACTIVE", texts.inactive],
  ["IDENTITY_PROVIDER_UNAVAILABLE", texts.unavailable],
  ["OIDC_ACCOUNT_REFUSED", texts.refused],
]);

const login = async (credentials) => {
  try {
    return await call("/api/v1/auth/login", credentials, { headers: COOKIE });
  } catch (error) {
    if (error.code !== "TOTP_REQUIRED") throw error;
    second.hidden = false;
    document.getElementById("totp_code").focus();
    throw Object.assign(new Error(texts.second), { code: error.code });
  }
};

// The identity provider's user has an account here: its password shows that both are the same person.
const link = async ({ email, password, totp_code }) => {
  const { access_token } = await login({ email, password, ...(totp_code && { totp_code }) });
  const headers = { Authorization: `Bearer ${access_token}` };
  await call("/api/v1/auth/oidc/link", { link_token: linkToken }, { headers });
};

if (linkToken) {
  showForm(link);
} else if (fragment.has("error")) {
  report(messages.get(fragment.get("error")) ?? texts.failed, true);
} else {
  try {
    await call("/api/v1/auth/refresh", {}, { headers: COOKIE });
    report(texts.done, false);
  } catch {
    report(texts.failed, true);
  }
}
