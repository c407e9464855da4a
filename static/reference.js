/* The reference's forms send their calls to this server and show the answers. Without this file the page only reads. */
(() => {
  const key = document.getElementById("key");
  for (const element of document.querySelectorAll("[data-try]")) element.hidden = false;

  const shown = (title, text) => {
    const figure = document.createElement("figure"), pre = document.createElement("pre"), code = document.createElement("code");
    figure.className = "code";
    figure.append(Object.assign(document.createElement("figcaption"), { textContent: title }), pre);
    pre.append(code);
    pre.tabIndex = 0;
    code.textContent = text;
    return figure;
  };
  const readable = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };

  const send = async (form) => {
    const query = new URLSearchParams(), headers = {};
    let path = form.dataset.path;
    for (const field of form.querySelectorAll("[data-place]")) {
      const value = field.value.trim();
      if (field.dataset.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (value && field.dataset.place === "query") query.set(field.name, value);
      else if (value) headers[field.name] = value;
    }
    if ("needsKey" in form.dataset) headers["x-api-key"] = key.value.trim();
    const body = form.elements.body?.value;
    if (body) headers["content-type"] = "application/json";
    const answer = await fetch(path + (query.size ? `?${query}` : ""), { method: form.dataset.method, headers, body, credentials: "omit" });
    const kept = [...answer.headers].filter(([name]) => /^(ratelimit|retry-after|idempotent)/.test(name)).map(([name, value]) => `${name}: ${value}`);
    return [shown(`${answer.status} ${answer.statusText}`.trim(), [...kept, "", readable(await answer.text())].join("\n").trim())];
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.path) return;
    event.preventDefault();
    const output = form.querySelector("output");
    output.textContent = "…";
    try { output.replaceChildren(...await send(form)); } catch (problem) { output.textContent = `The call did not get through: ${problem.message}`; }
  });
})();
