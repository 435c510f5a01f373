const form = document.getElementById("form");
const status = document.getElementById("status");
const shown = document.getElementById("show");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname); // neither the address bar nor the history keeps the token

const report = (text, failed) => {
  status.textContent = text;
  status.classList.toggle("error", failed);
};

const send = async () => {
  const body = { token, ...Object.fromEntries(new FormData(form)) };
  const response = await fetch(form.dataset.path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
  });
  if (response.ok) return status.dataset.done;
  const { error } = await response.json();
  throw new Error(error.message);
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  report("", false);
  try {
    report(await send(), false);
    form.hidden = true;
  } catch (error) {
    report(error instanceof TypeError || error instanceof SyntaxError ? status.dataset.failed : error.message, true);
  } finally {
    button.disabled = false;
  }
});

shown?.addEventListener("change", () => {
  document.getElementById("new_password").type = shown.checked ? "text" : "password";
});

if (token) {
  form.hidden = false;
} else {
  report(status.dataset.incomplete, true);
}
