"use strict";

// Draws /openapi.json. Everything is put in as text, nothing as markup.

const METHODS = ["get", "post", "put", "patch", "delete"];

const GROUPS = { catalogue: "目录和状态", texts: "文字", records: "表格", files: "文件", presidio: "Presidio 接口" };

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function block(title, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return element("div", "", element("h4", title), element("pre", text));
}

/** What a $ref of the document stands for. */
function resolved(whole, part) {
  if (!part || !part.$ref) return part || {};
  return part.$ref.slice(2).split("/").reduce((at, name) => (at || {})[name], whole) || {};
}

function examplesOf(media) {
  if ("example" in media) return [["", media.example]];
  return Object.entries(media.examples || {}).map(([name, one]) => [name, one.value]);
}

function parameters(whole, operation) {
  const given = (operation.parameters || []).map((one) => resolved(whole, one));
  if (!given.length) return [];
  const table = element("table");
  table.append(element("tr", "", element("th", "参数"), element("th", "位置"), element("th", "说明")));
  for (const one of given) {
    table.append(element("tr", "", element("td", one.name), element("td", one.in),
      element("td", one.description || "")));
  }
  return [element("h4", "参数"), table];
}

function requestBody(whole, path, method, operation) {
  const content = resolved(whole, operation.requestBody).content || {};
  const parts = [];
  for (const [kind, media] of Object.entries(content)) {
    for (const [name, value] of examplesOf(media)) parts.push(block(`请求 ${kind} ${name}`, value));
  }
  const json = content["application/json"];
  if (json && !path.includes("{")) parts.push(attempt(path, method, examplesOf(json)));
  return parts;
}

/** A form that sends a request: the answer is shown here and kept nowhere. */
function attempt(path, method, examples) {
  const text = element("textarea");
  const label = element("label", "试一试（请只用虚构的数据）");
  const send = element("button", "发送");
  const answer = element("pre");
  text.value = examples.length ? JSON.stringify(examples[0][1], null, 2) : "{}";
  text.spellcheck = false;
  answer.hidden = true;
  label.append(text);
  send.type = "button";
  send.addEventListener("click", async () => {
    const headers = { "Content-Type": "application/json" };
    const key = document.getElementById("key").value;
    if (key) headers["X-API-Key"] = key;
    answer.hidden = false;
    answer.textContent = "……";
    try {
      const got = await fetch(path, { method: method.toUpperCase(), headers, body: text.value });
      answer.textContent = `${got.status} ${got.statusText}\n${shown(await got.text())}`;
    } catch {
      answer.textContent = "连不上服务";
    }
  });
  return element("div", "", label, send, answer);
}

function shown(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function responses(whole, operation) {
  const parts = [];
  const table = element("table");
  table.append(element("tr", "", element("th", "状态"), element("th", "说明")));
  for (const [status, given] of Object.entries(operation.responses || {})) {
    const one = resolved(whole, given);
    table.append(element("tr", "", element("td", status), element("td", one.description || "")));
    if (!status.startsWith("2")) continue;
    for (const [kind, media] of Object.entries(one.content || {})) {
      for (const [name, value] of examplesOf(media)) {
        parts.push(block(`回答 ${status} ${kind} ${name}`, value));
      }
    }
  }
  return [...parts, element("h4", "状态"), table];
}

function drawOperation(whole, path, method, operation) {
  const summary = element("summary");
  const verb = element("span", method.toUpperCase());
  verb.className = "method";
  summary.append(verb, element("code", path), `　${operation.summary || ""}`);
  const details = element("details", "", summary);
  if (operation.description) details.append(element("p", operation.description));
  details.append(...parameters(whole, operation), ...requestBody(whole, path, method, operation),
    ...responses(whole, operation));
  return element("section", "", details);
}

function draw(whole) {
  const groups = new Map();
  for (const [path, item] of Object.entries(whole.paths)) {
    for (const method of METHODS.filter((one) => one in item)) {
      const name = (item[method].tags || ["other"])[0];
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(drawOperation(whole, path, method, item[method]));
    }
  }
  const main = document.getElementById("document");
  main.replaceChildren(element("p", `${whole.info.title} ${whole.info.version}`));
  for (const line of (whole.info.description || "").split("\n\n")) main.append(element("p", line));
  for (const [name, sections] of groups) main.append(element("h2", GROUPS[name] || name), ...sections);
}

fetch("/openapi.json")
  .then((got) => (got.ok ? got.json() : Promise.reject(new Error(String(got.status)))))
  .then(draw)
  .catch(() => {
    document.getElementById("document").replaceChildren(element("p", "读不到 /openapi.json"));
  });
