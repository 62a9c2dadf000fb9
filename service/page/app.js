/* The clerks' page. Everything lives in variables of this file and is gone with the page: nothing goes
   into the address, the storage or the history. Content of files is only ever set as text. */
(function () {
  "use strict";

  const STATUS = { publish: "可发布", look: "需人工查看", refused: "不可发布", unreadable: "读不了" };
  const ADVICE = {
    publish: "已遮盖并复核，没有发现遗留。",
    look: "已遮盖；列出的地方须有人看过后才能公开。",
    refused: "没有写出，原因见下。",
    unreadable: "没有写出，原因见下。",
  };
  const ORDER = ["publish", "look", "refused", "unreadable"];
  const GRADES = {
    A: "很难推出证件号",
    B: "较难推出，留意别处的公开",
    C: "容易推出，须加强",
    D: "几乎能推出，不得公开",
  };
  const ZONES = { header: "表头", title: "标题", note: "说明", total: "合计", form: "表单" };
  const PAGE_ROWS = 50;
  const LITTER = /^(~\$|\.|Thumbs\.db$|desktop\.ini$|deid-report)/;

  let key = "";
  let policies = [];
  let kinds = [];
  let files = []; // {file, name, kinds: Map, told, report, result}
  let chosen = -1;
  let shown = null; // what /v1/preview said of the chosen file
  let tableAt = 0;
  let pageAt = 0;
  let job = null; // {id, links, state}
  let stale = false;
  let run = 0; // counts the runs: an answer of an earlier one is dropped
  let running = null; // the request that uploads or watches
  let looking = null; // the request that previews
  let sheetHtml = "";
  let returnTo = null;

  const $ = (id) => document.getElementById(id);

  function make(tag, options, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options || {})) {
      if (name === "text") node.textContent = value;
      else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  /** A row of a list on the page; where that is narrow, each cell stands below its heading. */
  function listed(body, options, ...cells) {
    const titles = $(body).parentNode.querySelectorAll("thead th");
    cells.forEach((cell, at) => {
      cell.setAttribute("role", "cell");
      cell.setAttribute("data-title", titles[at].textContent + "：");
    });
    return make("tr", { role: "row", ...options }, ...cells);
  }

  // ------------------------------------------------------------------------------------ talking

  function say(text) {
    $("status").textContent = text;
  }

  function complain(text) {
    $("alert").textContent = text;
    $("alert").hidden = !text;
  }

  class Fault extends Error {
    constructor(status, problem, wait) {
      super((problem && (problem.detail || problem.title)) || "服务没有应答，请检查服务是否在运行");
      this.status = status;
      this.kind = (problem && problem.type) || "";
      this.wait = wait;
    }
  }

  function headers(more) {
    return Object.assign({}, more, key ? { "X-API-Key": key } : {});
  }

  async function fault(response) {
    let problem = null;
    try {
      problem = await response.json();
    } catch (error) {
      problem = null;
    }
    const wait = Number(response.headers.get("Retry-After")) || 0;
    return new Fault(response.status, problem, wait);
  }

  async function call(path, options) {
    const given = Object.assign({ cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" }, options);
    given.headers = headers(given.headers);
    let response;
    try {
      response = await fetch(path, given);
    } catch (error) {
      if (error && error.name === "AbortError") throw error;
      throw new Fault(0, null, 0);
    }
    if (response.ok) return response;
    const problem = await fault(response);
    if (problem.status === 401) askForKey();
    throw problem;
  }

  function told(error) {
    if (error && error.name === "AbortError") return;
    if (error instanceof Fault) {
      if (error.status !== 401) complain(error.message);
    } else {
      complain("页面出错，请重新打开本页");
    }
  }

  function askForKey() {
    $("key-form").hidden = false;
    if (key) complain("密钥不对，请重新输入");
    key = "";
    $("key").focus();
  }

  // ------------------------------------------------------------------------------------ matters

  async function begin() {
    try {
      const [first, second] = await Promise.all([call("/v1/policies"), call("/v1/kinds")]);
      policies = await first.json();
      kinds = await second.json();
    } catch (error) {
      told(error);
      return;
    }
    const select = $("policy");
    const before = select.value;
    select.replaceChildren();
    const groups = [
      ["通用", (p) => ["general", "org_directory", "aggregate", "on_request"].includes(p.name)],
      ["公示事项", (p) => !p.refused && !["matter", "restricted"].includes(p.name)],
      ["共同规则", (p) => !p.refused],
      ["不公示或限制公示的事项", () => true],
    ];
    const left = policies.slice().sort((a, b) => (a.name === "general" ? -1 : b.name === "general" ? 1 : 0));
    for (const [label, belongs] of groups) {
      const group = make("optgroup", { label });
      for (const policy of left.filter(belongs)) {
        left.splice(left.indexOf(policy), 1);
        group.append(make("option", { value: policy.name, text: policy.label + (policy.refused ? "（不公示）" : "") }));
      }
      if (group.childElementCount) select.append(group);
    }
    select.value = policies.some((p) => p.name === before) ? before : "general";
    await explainMatter();
  }

  let matter = null;

  async function explainMatter() {
    const query = new URLSearchParams();
    if ($("channel").value) query.set("channel", $("channel").value);
    if ($("level").value) query.set("level", $("level").value);
    const name = $("policy").value;
    try {
      matter = await (await call("/v1/policies/" + encodeURIComponent(name) + "?" + query)).json();
    } catch (error) {
      told(error);
      return;
    }
    const option = (select, value) => Array.from($(select).options).find((each) => each.value === value);
    const usual = [matter.channel && option("channel", matter.channel), matter.level && option("level", matter.level)];
    $("about").replaceChildren(
      make("p", { text: matter.description }),
      make("p", {}, make("b", { text: "依据：" }), matter.basis),
      make("p", {}, make("b", { text: "本次按：" }), usual.filter(Boolean).map((each) => each.textContent).join("，")),
    );
    $("refusal").hidden = !matter.refused;
    $("refusal-text").textContent = matter.refused ? "不可发布：" + matter.refused : "";
    if (!matter.refused) $("override").value = "";
  }

  async function matterChanged() {
    await explainMatter();
    again();
  }

  /** Everything anew: another matter, other answers. */
  function again() {
    if (!files.length) return;
    for (const one of files) one.report = one.result = null;
    start();
  }

  // ------------------------------------------------------------------------------------ files in

  function add(found) {
    const fresh = found.filter((one) => !LITTER.test(one.name.split("/").pop()));
    if (!fresh.length) {
      complain(found.length ? "里面没有可以处理的文件" : "");
      return;
    }
    complain("");
    for (const one of fresh) files.push({ file: one.file, name: one.name, kinds: new Map(), report: null, result: null });
    say("加入 " + fresh.length + " 份文件，开始处理");
    start();
  }

  function fromInput(input) {
    const found = Array.from(input.files).map((file) => ({ file, name: file.webkitRelativePath || file.name }));
    input.value = "";
    add(found);
  }

  function entryFiles(entry, found) {
    return new Promise((resolve) => {
      if (entry.isFile) {
        entry.file((file) => {
          found.push({ file, name: entry.fullPath.replace(/^\/+/, "") || file.name });
          resolve();
        }, resolve);
        return;
      }
      const reader = entry.createReader();
      const some = () =>
        reader.readEntries(async (entries) => {
          if (!entries.length) return resolve();
          for (const each of entries) await entryFiles(each, found);
          some();
        }, resolve);
      some();
    });
  }

  async function dropped(event) {
    event.preventDefault();
    $("drop").classList.remove("over");
    const items = Array.from((event.dataTransfer && event.dataTransfer.items) || []);
    const entries = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    if (entries.length) {
      for (const entry of entries) await entryFiles(entry, found);
    } else {
      for (const file of Array.from((event.dataTransfer && event.dataTransfer.files) || [])) found.push({ file, name: file.name });
    }
    add(found);
  }

  function pasted(event) {
    event.preventDefault();
    const text = $("text").value;
    if (!text.trim()) {
      $("text").focus();
      return;
    }
    $("text").value = "";
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    const tabs = new Set(lines.map((line) => line.split("\t").length));
    const isTable = lines.length > 1 && tabs.size === 1 && !tabs.has(1);
    const name = isTable ? "粘贴的表格.tsv" : "粘贴的文字.txt";
    add([{ file: new File([text], name, { type: "text/plain" }), name }]);
  }

  // ------------------------------------------------------------------------------------ a run

  function form() {
    const data = new FormData();
    data.append("policy", $("policy").value);
    if ($("channel").value) data.append("channel", $("channel").value);
    if ($("level").value) data.append("level", $("level").value);
    if (matter && matter.refused && $("override").value.trim()) data.append("override", $("override").value.trim());
    return data;
  }

  function columnsOf(one, number) {
    return Array.from(one.kinds, ([place, kind]) => {
      const [table, column] = JSON.parse(place);
      return { file: number, table, column, kind };
    });
  }

  function forget() {
    const old = job;
    job = null;
    if (old) call("/v1/files/" + old.id, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  function halt() {
    run += 1;
    if (running) running.abort();
    running = null;
    forget();
  }

  function upload(data, mine) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      running = request;
      request.open("POST", "/v1/files");
      if (key) request.setRequestHeader("X-API-Key", key);
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        if (mine === run && event.lengthComputable) progress("正在上传", event.loaded, event.total, 30);
      };
      request.onload = () => {
        if (request.status === 202) return resolve(request.response);
        if (request.status === 401) askForKey();
        reject(new Fault(request.status, request.response, Number(request.getResponseHeader("Retry-After")) || 0));
      };
      request.onerror = () => reject(new Fault(0, null, 0));
      request.onabort = () => reject(new DOMException("", "AbortError"));
      request.send(data);
    });
  }

  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

  /** Has all files masked; true where that came to its end. */
  async function start() {
    halt();
    const mine = run;
    stale = false;
    complain("");
    $("list").hidden = false;
    $("verdict").hidden = true;
    $("stop").hidden = false;
    for (const one of files) one.result = null;
    $("drop").classList.add("has");
    listFiles();
    progress("正在上传", 0, 1, 30);
    if (chosen < 0) choose(0, false);
    else preview();
    try {
      for (let tries = 0; ; tries += 1) {
        const data = form();
        data.append("keep", "1");
        data.append("columns", JSON.stringify(files.flatMap(columnsOf)));
        for (const one of files) data.append("files", one.file, one.name);
        try {
          const made = await upload(data, mine);
          if (mine !== run) {
            call("/v1/files/" + made.job, { method: "DELETE" }).catch(() => {});
            return false;
          }
          job = { id: made.job, state: "queued" };
          break;
        } catch (error) {
          if (!(error instanceof Fault) || error.status !== 429 || tries > 20) throw error;
          progress("前面的任务还没有做完，稍后自动再试", 0, 1, 30);
          await pause(Math.min(error.wait || 5, 30));
          if (mine !== run) return false;
        }
      }
      await watch(mine);
      return mine === run && job !== null;
    } catch (error) {
      if (mine === run) {
        $("progress").hidden = true;
        $("stop").hidden = true;
        told(error);
      }
      return false;
    }
  }

  /** The events of the job: a stream read by hand, for an EventSource sends no key. */
  async function watch(mine) {
    const control = new AbortController();
    running = control;
    const path = "/v1/files/" + job.id;
    for (let lost = 0; mine === run && lost < 5; lost += 1) {
      try {
        const response = await call(path + "/events", { signal: control.signal, headers: { Accept: "text/event-stream" } });
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        let rest = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done || mine !== run) break;
          const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
          rest = blocks.pop();
          const news = blocks.filter((block) => /^data:/m.test(block)).pop();
          if (news) await moved(JSON.parse(/^data: ?(.*)$/m.exec(news)[1]), path, mine);
        }
      } catch (error) {
        if (!(error instanceof Fault) || error.status !== 0) throw error;
      }
      if (mine !== run) return;
      const state = await (await call(path)).json();
      if (mine === run && isOver(state)) return finished(state);
      await pause(1);
    }
    if (mine === run) throw new Fault(0, null, 0);
  }

  const isOver = (state) => ["done", "failed", "cancelled"].includes(state.state);

  async function moved(state, path, mine) {
    if (mine !== run) return;
    if (state.state === "queued") progress("排队中，前面还有 " + Math.max(state.position - 1, 0) + " 个任务", 30, 100, 100);
    else progress("正在处理，已完成 " + state.done + "／" + state.total + " 份", 30 + (70 * state.done) / Math.max(state.total, 1), 100, 100);
    if (state.done) {
      const told = await (await call(path)).json();
      if (mine === run) take(told);
    }
  }

  function take(state) {
    for (const each of state.files || []) {
      const one = files[each.n];
      if (one) {
        one.report = each;
        one.result = each.link || null;
      }
    }
    listFiles();
  }

  function finished(state) {
    job.state = state.state;
    take(state);
    $("progress").hidden = true;
    $("stop").hidden = true;
    if (state.error) complain(state.error);
    const conclusion = sumUp();
    say("处理完毕，结论：" + conclusion);
  }

  function progress(text, value, total, share) {
    $("progress").hidden = false;
    $("bar-text").textContent = text;
    $("bar").value = Math.round((value / Math.max(total, 1)) * share);
    if ($("status").textContent !== text) say(text);
  }

  function sumUp() {
    const reports = files.map((one) => one.report).filter(Boolean);
    const worst = reports.reduce((most, one) => Math.max(most, ORDER.indexOf(one.status)), 0);
    const status = ORDER[worst];
    const counts = ORDER.map((each) => [each, reports.filter((one) => one.status === each).length]).filter(([, n]) => n);
    const text = "共 " + reports.length + " 份：" + counts.map(([each, n]) => n + " 份" + STATUS[each]).join("，") + "。" + ADVICE[status];
    verdict($("verdict"), status, text);
    return STATUS[status === "unreadable" ? "refused" : status];
  }

  function verdict(node, status, text) {
    node.className = "verdict " + status;
    node.replaceChildren(make("b", { text: STATUS[status === "unreadable" ? "refused" : status] }), text);
    node.hidden = false;
  }

  function reasonOf(report) {
    const parts = [];
    if (report.message) parts.push(report.message);
    if (report.status === "publish" || report.status === "look") parts.push("遮盖 " + report.changed + " 处");
    const looks = (report.items || []).length + (report.left || []).length;
    if (looks) parts.push("需查看 " + looks + " 处");
    if ((report.dropped || []).length) parts.push("删去列：" + report.dropped.join("、"));
    return parts.join("；");
  }

  function listFiles() {
    const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.act : "";
    $("files").replaceChildren(
      ...files.map((one, number) => {
        const report = one.report;
        const badge = report
          ? make("span", { class: "badge " + report.status, text: STATUS[report.status] })
          : make("span", { class: "badge waiting", text: "处理中" });
        const reason = report ? reasonOf(report) + (stale && one.kinds.size ? "；已人工改判" : "") : "";
        const button = (act, text, can, label) =>
          make("button", { type: "button", class: "small", "data-act": act + number, text, disabled: !can, "aria-label": text + "：" + label, on: { click: () => acts[act](number) } });
        const buttons = make("div", { class: "line" }, button("look", "预览", true, one.name), button("save", "下载", !!one.result, one.name));
        if (/\.(txt|tsv)$/.test(one.name)) buttons.append(button("copy", "复制", !!one.result, one.name));
        return listed(
          "files",
          { class: number === chosen ? "chosen" : null },
          make("td", { text: report && one.kinds.size === 0 ? report.source : one.name }),
          make("td", {}, badge),
          make("td", { text: reason }),
          make("td", {}, buttons),
        );
      }),
    );
    const written = files.some((one) => one.result);
    $("all").disabled = !written;
    $("sheet-open").disabled = !files.some((one) => one.report);
    if (focus) {
      const button = document.querySelector('[data-act="' + focus + '"]');
      if (button && button !== document.activeElement) button.focus({ preventScroll: true });
    }
  }

  const acts = { look: (number) => choose(number, true), save: (number) => save(number), copy: (number) => copy(number) };

  // ------------------------------------------------------------------------------------ results

  /** A job that is done and knows of all that was said of columns. */
  async function ready() {
    if (job && isOver(job) && !stale) return true;
    return start();
  }

  async function fetched(pathOf) {
    for (let tries = 0; tries < 2; tries += 1) {
      if (!(await ready())) return null;
      const path = pathOf();
      if (!path) {
        complain("没有写出可以下载的文件；原因见清单");
        return null;
      }
      try {
        return await call(path);
      } catch (error) {
        // Expired, or the service was started anew: what is still here is handed in once more.
        if (!(error instanceof Fault) || ![404, 410].includes(error.status) || tries) throw error;
        job = null;
      }
    }
    return null;
  }

  function nameOf(response, usual) {
    const found = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") || "");
    return found ? decodeURIComponent(found[1]) : usual;
  }

  function handOver(blob, name) {
    const address = URL.createObjectURL(blob);
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  async function guarded(work) {
    complain("");
    try {
      await work();
    } catch (error) {
      told(error);
    }
  }

  const save = (number) =>
    guarded(async () => {
      const response = await fetched(() => files[number] && files[number].result);
      if (!response) return;
      const name = nameOf(response, "已遮盖");
      handOver(await response.blob(), name);
      say("已下载 " + name);
    });

  const copy = (number) =>
    guarded(async () => {
      const response = await fetched(() => files[number] && files[number].result);
      if (!response) return;
      const text = await response.text();
      const area = make("textarea", { class: "sr", "aria-hidden": "true", tabindex: "-1" });
      area.value = text.replace(/^\ufeff/, "");
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      say(copied ? "已复制遮盖后的文字" : "浏览器不让复制，请下载");
      if (!copied) complain("浏览器不让复制，请用下载");
    });

  const saveAll = () =>
    guarded(async () => {
      const response = await fetched(() => (files.some((one) => one.result) ? "/v1/files/" + job.id + "/all.zip" : ""));
      if (response) handOver(await response.blob(), "已遮盖.zip");
    });

  // ------------------------------------------------------------------------------------ the sheet

  const openSheet = () =>
    guarded(async () => {
      returnTo = document.activeElement;
      const response = await fetched(() => "/v1/files/" + job.id + "/report?format=html");
      if (!response) return;
      sheetHtml = await response.text();
      // Its style goes another way than inline, which the page's rules forbid.
      let style = "";
      const bare = sheetHtml
        .replace(/<style>([^<]*)<\/style>/g, (all, text) => ((style += text), ""))
        .replace(/ style="width:([\d.]+%)"/g, ' data-width="$1"');
      const parsed = new DOMParser().parseFromString(bare, "text/html");
      const main = document.importNode(parsed.querySelector("main"), true);
      const host = make("div", { lang: "zh-CN" });
      const root = host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style.replace(/@page[^}]*}/g, "").replace(/(^|[\s},])(html|body)(?=\s*[{,])/g, "$1:host"));
      root.adoptedStyleSheets = [sheet];
      for (const node of main.querySelectorAll("[data-width]")) node.style.width = node.dataset.width;
      root.append(main);
      $("paper").replaceChildren(host);
      $("sheet").hidden = false;
      behind(true);
      $("h-sheet").focus();
    });

  function behind(isCovered) {
    for (const node of document.querySelectorAll("body > header, body > main, body > footer, body > .skip")) {
      if (isCovered) node.setAttribute("aria-hidden", "true");
      else node.removeAttribute("aria-hidden");
      node.style.visibility = isCovered ? "hidden" : "";
    }
  }

  function closeSheet() {
    $("sheet").hidden = true;
    $("paper").replaceChildren();
    sheetHtml = "";
    behind(false);
    if (returnTo && returnTo.isConnected) returnTo.focus();
  }

  // ------------------------------------------------------------------------------------ preview

  function choose(number, isAsked) {
    chosen = number;
    shown = null;
    tableAt = pageAt = 0;
    listFiles();
    preview().then((done) => {
      if (done && isAsked) $("h-view").focus();
    });
  }

  async function preview() {
    const one = files[chosen];
    if (!one) return false;
    if (looking) looking.abort();
    const control = (looking = new AbortController());
    $("view").hidden = false;
    $("view").setAttribute("aria-busy", "true");
    $("view-name").textContent = one.name;
    const data = form();
    data.append("columns", JSON.stringify(columnsOf(one, 0)));
    data.append("files", one.file, one.name);
    try {
      const answer = await (await call("/v1/preview", { method: "POST", body: data, signal: control.signal })).json();
      if (looking !== control) return false;
      shown = answer;
      show();
      return true;
    } catch (error) {
      if (looking === control && !(error && error.name === "AbortError")) {
        shown = null;
        noPreview(error instanceof Fault && error.status === 413 ? "文件较大，不预览；处理、下载和审查单照常。" : (error && error.message) || "");
        if (error instanceof Fault && error.status === 401) told(error);
      }
      return false;
    } finally {
      if (looking === control) $("view").removeAttribute("aria-busy");
    }
  }

  function noPreview(text) {
    $("view-verdict").hidden = true;
    $("grid-box").replaceChildren(make("p", { class: "detail", text }));
    for (const id of ["pager", "tables-line", "columns-part"]) $(id).hidden = true;
    for (const id of ["looks", "strength", "columns"]) $(id).replaceChildren();
    $("detail").textContent = "";
  }

  function show() {
    const report = shown.report;
    if (shown.rows_read && report.status !== "refused" && report.status !== "unreadable") {
      verdict($("view-verdict"), "waiting", "文件较大，这里只看前 " + shown.rows_read + " 行；结论以上面的清单为准。");
      $("view-verdict").firstChild.textContent = "部分预览";
    } else {
      verdict($("view-verdict"), report.status, reasonOf(report) || ADVICE[report.status]);
    }
    $("view-name").textContent = report.source;
    const tables = shown.tables;
    tableAt = Math.min(tableAt, Math.max(tables.length - 1, 0));
    const hasTexts = shown.texts.length > 0;
    const options = tables.map((table, at) => make("option", { value: at, text: (table.name || "表 " + (at + 1)) + (table.hidden ? "（隐藏）" : "") }));
    if (hasTexts && tables.length) options.push(make("option", { value: tables.length, text: "表外文字" }));
    $("tables").replaceChildren(...options);
    $("tables").value = String(tableAt);
    $("tables-line").hidden = options.length < 2;
    drawPart();
    drawColumns();
    drawLooks();
    drawStrength();
  }

  const onTexts = () => tableAt >= shown.tables.length;

  function drawPart() {
    hideTip();
    $("detail").textContent = "选中有底色的格，这里显示原因。";
    const rows = onTexts() ? shown.texts : shown.tables[tableAt].rows;
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    pageAt = Math.min(Math.max(pageAt, 0), pages - 1);
    const first = pageAt * PAGE_ROWS;
    const some = rows.slice(first, first + PAGE_ROWS);
    $("grid-box").replaceChildren(rows.length ? (onTexts() ? drawTexts(some, first) : drawRows(some, first)) : make("p", { class: "detail", text: "没有可以显示的内容。" }));
    const first_masked = $("grid-box").querySelector(".masked");
    if (first_masked) first_masked.tabIndex = 0;
    const more = onTexts() ? shown.more_texts > 0 : shown.tables[tableAt].more;
    $("pager").hidden = pages < 2 && !more;
    $("previous").disabled = pageAt === 0;
    $("next").disabled = pageAt === pages - 1;
    $("page-text").textContent =
      "第 " + (first + 1) + "–" + (first + some.length) + " 行" + (more ? "；只预览前 " + rows.length + " 行，其余照样处理" : "，共 " + rows.length + " 行");
  }

  function maskedAs(node, cell, where) {
    node.classList.add("masked");
    node.tabIndex = -1;
    const why = "已遮盖，原因：" + cell.why.join("；");
    node.append(make("span", { class: "sr", text: "（" + why + "）" }));
    const text = () => where + why + ($("raw").checked ? "\n原文：" + cell.before : "");
    node.addEventListener("mouseenter", () => tip(node, text()));
    node.addEventListener("mouseleave", hideTip);
    node.addEventListener("focus", () => {
      rove(node);
      node.scrollIntoView({ block: "nearest", inline: "nearest" });
      tip(node, text());
      $("detail").textContent = text();
    });
    node.addEventListener("blur", hideTip);
    node.addEventListener("click", () => node.focus());
  }

  function drawRows(rows, first) {
    const table = shown.tables[tableAt];
    const columns = table.columns.filter((column) => !column.dropped).slice(0, 60);
    const head = make("tr", {}, make("th", { scope: "col", text: "行" }));
    for (const column of columns) {
      head.append(make("th", { scope: "col" }, letter(column.column), make("small", { text: column.label + "：" + column.rule })));
    }
    const body = make("tbody");
    rows.forEach((row, at) => {
      const cells = new Map(row.cells.map((cell) => [cell.column, cell]));
      const line = make("tr", { class: "zone-" + row.zone }, make("th", { scope: "row", text: String(row.row + 1) + (ZONES[row.zone] ? " " + ZONES[row.zone] : "") }));
      const isLine = cells.size === 1 && ["note", "title"].includes(row.zone);
      for (const column of isLine ? columns.filter((each) => cells.has(each.column)) : columns) {
        const cell = cells.get(column.column);
        const node = make("td", { text: cell ? cell.text : "", "data-spot": first + at + "," + column.column });
        if (cell && cell.before !== undefined) maskedAs(node, cell, "第 " + (row.row + 1) + " 行“" + (column.header || letter(column.column)) + "”：");
        if (isLine) node.colSpan = columns.length;
        line.append(node);
      }
      body.append(line);
    });
    return make("table", { class: "grid" }, make("thead", {}, head), body);
  }

  function drawTexts(texts, first) {
    return make(
      "ul",
      { class: "lines" },
      ...texts.map((text, at) => {
        const span = make("span", { text: text.text });
        if (text.before !== undefined) maskedAs(span, text, "第 " + (first + at + 1) + " 段：");
        return make("li", { "data-spot": String(first + at) }, span);
      }),
    );
  }

  function letter(column) {
    let name = "";
    for (let left = column + 1; left > 0; left = Math.floor((left - 1) / 26)) name = String.fromCharCode(65 + ((left - 1) % 26)) + name;
    return name + " 列";
  }

  /** One stop for the Tab key in the whole table; arrows go on from there. */
  function rove(node) {
    for (const other of $("grid-box").querySelectorAll('.masked[tabindex="0"]')) other.tabIndex = -1;
    node.tabIndex = 0;
  }

  function arrows(event) {
    const here = document.activeElement;
    if (!here || !here.classList.contains("masked")) return;
    const all = Array.from($("grid-box").querySelectorAll(".masked"));
    const at = all.indexOf(here);
    const column = here.cellIndex;
    const same = (each) => each.cellIndex === column;
    let next = null;
    if (event.key === "ArrowRight") next = all[at + 1];
    else if (event.key === "ArrowLeft") next = all[at - 1];
    else if (event.key === "ArrowDown") next = all.slice(at + 1).find(same);
    else if (event.key === "ArrowUp") next = all.slice(0, at).reverse().find(same);
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all[all.length - 1];
    else if (event.key === "Escape") return hideTip();
    else return;
    event.preventDefault();
    if (next) next.focus();
  }

  let tipOwner = null;

  function tip(node, text) {
    tipOwner = node;
    $("tip").textContent = text;
    $("tip").hidden = false;
    placeTip();
  }

  /** Beside the cell it speaks of, also when that is scrolled. */
  function placeTip() {
    if (!tipOwner || !tipOwner.isConnected) return hideTip();
    const tip = $("tip");
    const node = tipOwner;
    const box = node.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const below = box.bottom + 6 + own.height < window.innerHeight;
    tip.style.left = Math.max(4, Math.min(box.left, window.innerWidth - own.width - 8)) + "px";
    tip.style.top = Math.max(4, below ? box.bottom + 6 : box.top - own.height - 6) + "px";
  }

  function hideTip() {
    tipOwner = null;
    $("tip").hidden = true;
    $("tip").textContent = "";
  }

  function drawColumns() {
    const focused = document.activeElement && document.activeElement.id;
    const table = onTexts() ? null : shown.tables[tableAt];
    const some = table ? table.columns.filter((column) => column.listed) : [];
    $("columns-part").hidden = !some.length;
    $("columns").replaceChildren(
      ...some.map((column) => {
        const name = letter(column.column) + "“" + column.header + "”判断为";
        const place = JSON.stringify([table.name, column.column]);
        const select = make("select", { id: "kind-" + column.column, "aria-label": name, autocomplete: "off", on: { change: () => retype(place, select.value) } });
        fill(select, column, files[chosen].kinds.get(place) || "");
        return listed(
          "columns",
          {},
          make("td", { text: letter(column.column) }),
          make("td", { text: column.header || "（没有表头）" }),
          make("td", {}, select),
          make("td", { text: column.rule + masked(table, column) }),
          make("td", { text: column.by_hand ? "人工改判" : column.why || "没有可认的表头和值" }),
        );
      }),
    );
    if (focused && focused.startsWith("kind-") && $(focused)) $(focused).focus({ preventScroll: true });
  }

  /** How many cells of the column are masked: none may be what the clerk did not mean. */
  function masked(table, column) {
    const found = shown.report.columns.find((each) => each.table === table.name && each.column === column.column);
    return found && found.entity && !column.dropped ? "（遮盖 " + found.rows + " 格）" : "";
  }

  function fill(select, column, kind) {
    const own = kind ? "按程序判断" : column.label + "（程序判断）";
    select.append(make("option", { value: "", text: own }));
    const groups = new Map();
    for (const each of kinds) {
      if (!groups.has(each.group)) groups.set(each.group, make("optgroup", { label: each.group }));
      groups.get(each.group).append(make("option", { value: each.kind, text: each.label }));
    }
    for (const name of ["直接标识个人", "与个人有关", "公开内容和其他", "不处理"]) if (groups.has(name)) select.append(groups.get(name));
    select.value = kind;
  }

  async function retype(place, kind) {
    const one = files[chosen];
    if (kind) one.kinds.set(place, kind);
    else one.kinds.delete(place);
    stale = true;
    if (await preview()) {
      if (shown.rows_read) {
        one.report = one.result = null;
        start();
        return;
      }
      if (one.report) one.report = Object.assign({}, one.report, shown.report);
      listFiles();
      if (files.every((each) => each.report)) sumUp();
      say("已按新的判断显示，结论：" + STATUS[shown.report.status] + "，遮盖 " + shown.report.changed + " 处");
    }
  }

  function drawLooks() {
    const report = shown.report;
    const items = [...(report.left || []), ...(report.items || [])];
    if (!items.length) {
      $("looks").replaceChildren(make("li", { text: report.message || "没有需要查看的地方。" }));
      return;
    }
    $("looks").replaceChildren(
      ...items.slice(0, 200).map((item) => {
        const text = (item.place ? item.place + "　" : "") + item.message;
        if (!item.at) return make("li", { text });
        return make("li", {}, make("button", { type: "button", text, on: { click: () => goTo(item.at) } }));
      }),
    );
    if (items.length > 200) $("looks").append(make("li", { text: "其余 " + (items.length - 200) + " 处见审查单和报告" }));
  }

  function goTo(at) {
    const isText = at.text !== undefined;
    tableAt = isText ? shown.tables.length : at.table;
    $("tables").value = String(tableAt);
    const row = isText ? at.text : at.row;
    pageAt = Math.floor(row / PAGE_ROWS);
    drawPart();
    drawColumns();
    const node = $("grid-box").querySelector('[data-spot="' + (isText ? row : row + "," + at.column) + '"]');
    if (!node) return;
    for (const other of $("grid-box").querySelectorAll(".spot")) other.classList.remove("spot");
    node.classList.add("spot");
    const target = node.querySelector("span.masked") || node;
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.focus({ preventScroll: true });
    node.scrollIntoView({ block: "center", inline: "center" });
  }

  function drawStrength() {
    const grades = shown.report.strength || {};
    const total = Object.values(grades).reduce((sum, count) => sum + count, 0);
    if (!total) {
      $("strength").replaceChildren(make("p", { class: "hint", text: "没有显示遮盖后的证件号，不作评级。" }));
      return;
    }
    $("strength").replaceChildren(
      make("p", { class: "hint", text: "从公示内容推出完整证件号的难度，按行计。" }),
      make(
        "table",
        { class: "grades" },
        make("tbody", {}, ...Object.keys(GRADES).map((grade) => make("tr", {}, make("th", { scope: "row", text: grade }), make("td", { text: GRADES[grade] }), make("td", { text: (grades[grade] || 0) + " 行" })))),
      ),
    );
  }

  function closeView() {
    if (looking) looking.abort();
    looking = null;
    shown = null;
    chosen = -1;
    hideTip();
    noPreview("");
    $("view-name").textContent = "";
    $("view").hidden = true;
    listFiles();
  }

  /** Nothing of any file stays: not here, and not with the service. */
  function clear() {
    halt();
    closeSheet();
    files = [];
    closeView();
    stale = false;
    $("text").value = "";
    $("override").value = "";
    $("drop").classList.remove("has");
    $("files").replaceChildren();
    for (const id of ["list", "verdict", "progress", "stop"]) $(id).hidden = true;
    complain("");
  }

  // ------------------------------------------------------------------------------------ wiring

  function showPaste(isOpen) {
    $("paste").hidden = !isOpen;
    $("paste-open").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) $("text").focus();
    else $("paste-open").focus();
  }

  function wire() {
    $("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      key = $("key").value.trim();
      $("key").value = "";
      if (!key) return;
      $("key-form").hidden = true;
      complain("");
      begin().then(() => $("policy").focus());
    });
    for (const id of ["policy", "channel", "level"]) $(id).addEventListener("change", matterChanged);
    $("override").addEventListener("change", again);
    $("pick").addEventListener("click", () => $("file").click());
    $("pick-folder").addEventListener("click", () => $("folder").click());
    $("file").addEventListener("change", () => fromInput($("file")));
    $("folder").addEventListener("change", () => fromInput($("folder")));
    $("paste-open").addEventListener("click", () => showPaste($("paste").hidden));
    $("paste-close").addEventListener("click", () => showPaste(false));
    $("paste").addEventListener("submit", pasted);
    $("all").addEventListener("click", saveAll);
    $("stop").addEventListener("click", () => {
      halt();
      $("progress").hidden = $("stop").hidden = true;
      say("已停止");
    });
    $("sheet-open").addEventListener("click", openSheet);
    $("sheet-print").addEventListener("click", () => window.print());
    $("sheet-save").addEventListener("click", () => handOver(new Blob([sheetHtml], { type: "text/html" }), "公开前审查单.html"));
    $("sheet-close").addEventListener("click", closeSheet);
    $("view-close").addEventListener("click", () => {
      const number = chosen;
      closeView();
      const button = document.querySelector('[data-act="look' + number + '"]');
      if (button) button.focus();
    });
    $("tables").addEventListener("change", () => {
      tableAt = Number($("tables").value);
      pageAt = 0;
      drawPart();
      drawColumns();
    });
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
    $("grid-box").addEventListener("keydown", arrows);
    $("grid-box").addEventListener("scroll", placeTip, { passive: true });
    window.addEventListener("scroll", placeTip, { passive: true });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !$("sheet").hidden) closeSheet();
      else if (event.key === "Escape") hideTip();
    });
    $("clear").addEventListener("click", () => {
      clear();
      say("已清除全部内容");
      $("pick").focus();
    });
    for (const name of ["dragenter", "dragover"]) {
      window.addEventListener(name, (event) => {
        event.preventDefault();
        $("drop").classList.add("over");
      });
    }
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) $("drop").classList.remove("over");
    });
    window.addEventListener("drop", dropped);
    window.addEventListener("pagehide", () => {
      clear();
      key = "";
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) window.location.reload();
    });
    begin();
  }

  function turn(by) {
    pageAt += by;
    drawPart();
    $("grid-box").scrollTop = 0;
  }

  wire();
})();
