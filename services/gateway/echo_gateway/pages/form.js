import { call, fragment, report, showForm, texts } from "./page.js";

const { path } = document.getElementById("form").dataset;
const shown = document.getElementById("show");
const token = fragment.get("token");

shown?.addEventListener("change", () => {
  document.getElementById("new_password").type = shown.checked ? "text" : "password";
});

if (token) {
  showForm((fields) => call(path, { token, ...fields }, { credentials: "omit" }));
} else {
  report(texts.incomplete, true);
}
