"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// A registration or login on this page authorizes all later requests until the page is closed.
const remember = (response) => {
  const token = response.ok && response.body?.data?.access_token;
  if (token) ui.preauthorizeApiKey("bearer", token);
  return response;
};

// The player would request the URL again without a token, so it gets the received body instead.
const playable = (Body, { React }) => (props) => {
  const url = React.useMemo(
    () => props.content instanceof Blob && URL.createObjectURL(props.content),
    [props.content],
  );
  return React.createElement(Body, url ? { ...props, url } : props);
};

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  responseInterceptor: remember,
  plugins: [() => ({ wrapComponents: { responseBody: playable } })],
});
