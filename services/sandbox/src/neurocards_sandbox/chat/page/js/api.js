// The page's only way out: the control API of the Telegram simulator and the page's own server.

export class RefusedError extends Error {}

async function call(method, path, body) {
  const isForm = body instanceof FormData;
  const response = await fetch(path, {
    method,
    body: body === undefined ? undefined : isForm ? body : JSON.stringify(body),
    headers: body === undefined || isForm ? {} : { "Content-Type": "application/json" },
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const reason = answer.error || answer.detail;
  throw new RefusedError(typeof reason === "string" ? reason : `HTTP ${response.status}`);
}

export const pageFacts = () => call("GET", "api/page");
export const botFacts = (botId) => call("GET", `sim/bots/${botId}`);
export const saveUser = (facts) => call("POST", "sim/users", facts);
export const scalingNow = () => call("GET", "api/scaling");
export const sendCrowd = (userId, language) => call("POST", "api/crowd", { user_id: userId, language });
export const jobsOf = (userId) => call("GET", `api/jobs?user_id=${userId}`);

/** The chat of one visitor with the bot. */
export class Chat {
  constructor(botId, userId) {
    this.userId = userId;
    this.path = `sim/chats/${userId}`;
    this.query = `?bot=${botId}`;
  }

  transcript() {
    return call("GET", this.path + this.query);
  }

  sendText(text) {
    return call("POST", `${this.path}/send${this.query}`, { kind: "text", text });
  }

  /** @param {"photo" | "document"} kind  one file goes alone, several as an album */
  sendFiles(files, kind, caption) {
    const form = new FormData();
    form.set("kind", files.length > 1 ? "album" : kind);
    if (files.length > 1) form.set("album_kind", kind);
    if (caption) form.set("caption", caption);
    files.forEach((file, index) => form.set(index ? `file${index}` : "file", file, file.name));
    return call("POST", `${this.path}/send${this.query}`, form);
  }

  press(messageId, row, column) {
    return call("POST", `${this.path}/press${this.query}`, { message_id: messageId, row, column });
  }

  remove(messageId) {
    return call("DELETE", `${this.path}/messages/${messageId}${this.query}`);
  }

  setBlocked(isBlocked) {
    return call("POST", `${this.path}/${isBlocked ? "block" : "unblock"}${this.query}`, {});
  }

  /** Changes after `sequence`; the browser itself reconnects and says where it stopped. */
  changes(sequence) {
    return new EventSource(`${this.path}/events${this.query}&after=${sequence}`);
  }
}
