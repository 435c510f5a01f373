const form = document.getElementById("form");
const status = document.getElementById("status");
const second = document.getElementById("second");
const fragment = new URLSearchParams(location.hash.slice(1));
const linkToken = fragment.get("link_token");
history.replaceState(null, "", location.pathname); // neither the address bar nor the history keeps the token

const messages = {
  ACCOUNT_INACTIVE: status.dataset.inactive,
  IDENTITY_PROVIDER_UNAVAILABLE: status.dataset.unavailable,
  OIDC_ACCOUNT_REFUSED: status.dataset.refused,
};

const report = (text, failed) => {
  status.textContent = text;
  status.classList.toggle("error", failed);
};

const call = async (path, body, headers) => {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    cache: "no-store",
  });
  const { data, error } = await response.json();
  if (response.ok) return data;
  throw Object.assign(new Error(error.message), { code: error.code });
};

// The identity provider's user has an account here: its password shows that both are the same person.
const link = async () => {
  const { email, password, totp_code } = Object.fromEntries(new FormData(form));
  const credentials = { email, password, ...(totp_code && { totp_code }) };
  const { access_token } = await call("/api/v1/auth/login", credentials, { "X-Refresh-Token": "cookie" });
  await call("/api/v1/auth/oidc/link", { link_token: linkToken }, { Authorization: `Bearer ${access_token}` });
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  report("", false);
  try {
    await link();
    form.hidden = true;
    report(status.dataset.done, false);
  } catch (error) {
    if (error.code === "TOTP_REQUIRED") second.hidden = false;
    report(error.code ? error.message : status.dataset.failed, true);
  } finally {
    button.disabled = false;
  }
});

if (linkToken) {
  form.hidden = false;
} else if (fragment.has("error")) {
  report(messages[fragment.get("error")] ?? status.dataset.failed, true);
} else {
  try {
    await call("/api/v1/auth/refresh", {}, { "X-Refresh-Token": "cookie" });
    report(status.dataset.done, false);
  } catch {
    report(status.dataset.failed, true);
  }
}
