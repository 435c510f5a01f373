// Shared by all pages: the fragment of the link, the form, the status, and calls to the API.

const form = document.getElementById("form");
const status = document.getElementById("status");

export const fragment = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname); // neither the address bar nor the history keeps the token
addEventListener("hashchange", () => location.reload()); // another link to the same page, opened in the same tab

export const texts = status.dataset;

export const report = (text, failed) => {
  status.textContent = text;
  status.classList.toggle("error", failed);
};

export const call = async (path, body, options) => {
  const response = await fetch(path, {
    ...options,
    method: "POST",
    headers: { "Content-Type": "application/json", ...options.headers },
    body: JSON.stringify(body),
    cache: "no-store",
  });
  const { data, error } = await response.json();
  if (response.ok) return data;
  throw Object.assign(new Error(error.message), { code: error.code });
};

// Show the form, and call `send` with its fields until it succeeds.
export const showForm = (send) => {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    report("", false);
    try {
      await send(Object.fromEntries(new FormData(form)));
      form.hidden = true;
      report(texts.done, false);
    } catch (error) {
      report(error.code ? error.message : texts.failed, true);
    } finally {
      button.disabled = false;
    }
  });
  form.hidden = false;
};
