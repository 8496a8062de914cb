// What a page can send without the user's help, to every route: each way is tried, and what came of it is told.
(async ({ base, routes, key }) => {
  const json = JSON.stringify({ function: "me/add", inputs: { a: 1 } });
  const from = (make) => new Promise((tell) => make(tell));
  const element = (name, url) => from((tell) => {
    const it = document.createElement(name);
    it.onload = () => tell("loaded");
    it.onerror = () => tell("error");
    it.src = url;
    document.body.append(it);
  });
  const fetched = (url, options) => fetch(url, options).then(
    (answer) => answer.type === "opaque" ? "opaque" : `read ${answer.status}`,
    () => "error",
  );
  const form = (url, method) => from((tell) => {
    const frame = document.createElement("iframe");
    frame.name = `frame-${Math.random()}`;
    document.body.append(frame);
    const it = document.createElement("form");
    Object.assign(it, { action: url, method, target: frame.name, enctype: "text/plain" });
    const field = document.createElement("input");
    const mark = new URL(url).searchParams.get("attack"); // a form that gets puts its fields in place of the query
    Object.assign(field, method === "GET" ? { name: "attack", value: mark } : { name: json, value: "" });
    it.append(field);
    document.body.append(it);
    frame.onload = () => {
      try {
        if (frame.contentWindow.location.href === "about:blank") return;
        tell(`read ${frame.contentDocument.body.innerText}`);
      } catch { tell("opaque"); }
    };
    it.submit();
  });
  const ways = {
    "fetch with the key": (method, url) => fetched(url, {
      method, headers: { "X-API-Key": key, "Content-Type": "application/json" },
      body: method === "GET" || method === "DELETE" ? undefined : json,
    }),
    "simple fetch": (method, url) => fetched(url, { method, body: method === "POST" ? json : undefined }),
    "fetch without cors": (method, url) =>
      method === "GET" || method === "POST"
        ? fetched(url, { method, mode: "no-cors", credentials: "include", body: method === "POST" ? json : undefined })
        : null,
    "form": (method, url) => (method === "GET" || method === "POST" ? form(url, method) : null),
    "image": (method, url) => (method === "GET" ? element("img", url) : null),
    "script": (method, url) => (method === "GET" ? element("script", url) : null),
    "events": (method, url) => method === "GET" ? from((tell) => {
      const it = new EventSource(url);
      it.onopen = () => { it.close(); tell("open"); };
      it.onerror = () => { it.close(); tell("error"); };
    }) : null,
    "websocket": (method, url) => method === "GET" ? from((tell) => {
      const it = new WebSocket(url.replace("http:", "ws:"));
      it.onopen = () => tell("open");
      it.onerror = () => tell("error");
    }) : null,
  };
  const told = [];
  for (const [way, attempt] of Object.entries(ways)) {
    await Promise.all(routes.map(async ([method, path]) => {
      const mark = `${way.replaceAll(" ", "-")}.${method}`;
      const trial = attempt(method, `${base}${path}?attack=${mark}`);
      if (trial !== null) told.push([`${mark} ${path}`, await trial]);
    }));
  }
  return told;
})
