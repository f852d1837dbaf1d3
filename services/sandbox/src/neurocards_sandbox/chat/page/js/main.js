// Puts the page together: one conversation between the visitor who is present and the bot.

import { botFacts, Chat, pageFacts, RefusedError, saveUser } from "./api.js";
import { CommandMenu, commandsOf } from "./commands.js";
import { Composer } from "./composer.js";
import { byId } from "./elements.js";
import { answered } from "./keyboard.js";
import { alertUser, showFailure, toast } from "./notices.js";
import { Panel } from "./panel.js";
import { Scaling } from "./scaling.js";
import { Scrolling } from "./scrolling.js";
import { Sending } from "./sending.js";
import { language, text } from "./texts.js";
import { Transcript } from "./transcript.js";
import { VisitorMenu } from "./visitor_menu.js";
import { Visitors } from "./visitors.js";

const ACTION_MS = 5000;
const RETRY_MS = 1500;
const ACTIONS = { typing: "typing", upload_photo: "upload_photo", upload_video: "upload_video" };

class Conversation {
  constructor(facts) {
    this.botId = facts.bot_id;
    this.visitors = new Visitors();
    this.panel = new Panel({ areJobsShown: facts.are_jobs_shown });
    this.scaling = new Scaling({ isShown: facts.is_scaling_shown });
    this.scrolling = new Scrolling();
    this.transcript = new Transcript({
      press: (...button) => this.chat.press(...button).catch(refused),
      remove: (id) => this.chat.remove(id).catch(showFailure),
      command: (command) => this.sendText(command).catch(() => {}),
    });
    this.menu = new CommandMenu((command) => this.sendText(command).catch(() => {}));
    new Composer({ send: (typed) => this.sendText(typed), menu: this.menu });
    new Sending((files, kind, caption) => this.sendFiles(files, kind, caption));
    this.visitorMenu = new VisitorMenu(this.visitors, {
      change: () => this.enterPatiently(),
      setBlocked: (isBlocked) => this.chat.setBlocked(isBlocked).catch(showFailure),
    });
    byId("start-button").addEventListener("click", () => this.pressStart());
  }

  /** Enter, however often it takes: the demo may be starting or starting again. */
  async enterPatiently() {
    try {
      await this.enter();
    } catch {
      showOffline();
      setTimeout(() => this.enterPatiently(), RETRY_MS);
    }
  }

  /** Show the chat of the visitor who is present now. */
  async enter() {
    const visitor = this.visitors.present;
    this.events?.close();
    this.transcript.clear();
    this.chat = new Chat(this.botId, visitor.id);
    const chat = this.chat;
    this.panel.follow(visitor.id);
    this.scaling.follow(visitor.id);
    await saveUser({ id: visitor.id, first_name: visitor.name, language_code: language });
    await this.learnBot();
    const sequence = await this.refresh();
    if (chat !== this.chat) return;
    this.scrolling.toEnd();
    this.listen(sequence);
  }

  async learnBot() {
    const bot = await botFacts(this.botId);
    byId("bot-name").textContent = bot.first_name;
    document.title = bot.first_name;
    this.menu.setCommands(commandsOf(bot));
  }

  async refresh() {
    const { chat } = this;
    const shown = await chat.transcript();
    if (chat === this.chat) {
      this.transcript.reset(shown.messages);
      this.setStatus(shown.bot_status);
    }
    return shown.sequence;
  }

  listen(sequence) {
    const events = this.chat.changes(sequence);
    this.events = events;
    const on = (kind, act) => events.addEventListener(kind, (event) => {
      act(JSON.parse(event.data));
      this.drawFrame();
      this.panel.look();
    });
    on("message", ({ message }) => this.arrived(message));
    on("edit", ({ message }) => this.transcript.put(message, { isFresh: false }));
    on("delete", ({ message_id: id }) => this.transcript.remove(id));
    on("clear", () => this.transcript.clear());
    on("chat_action", ({ action }) => this.showAction(ACTIONS[action]));
    on("bot_status", ({ bot_status: status }) => this.setStatus(status));
    on("callback_answer", (answer) => this.answer(answer));
    events.onerror = () => this.cutOff(events);
    events.onopen = () => {
      byId("offline").hidden = true;
      this.learnBot().catch(() => {});
    };
  }

  /** The server went away: what was missed is read anew once it is back. */
  cutOff(events) {
    showOffline();
    events.close();
    const { chat } = this;
    setTimeout(() => {
      if (chat !== this.chat) return;
      this.refresh().then((sequence) => this.listen(sequence), () => this.cutOff(events));
    }, RETRY_MS);
  }

  arrived(message) {
    this.showAction(null);
    this.transcript.put(message, { isFresh: true });
    this.scrolling.arrived({ isMine: message.from === "user" });
  }

  answer({ callback_query_id: id, text: words, show_alert: isAlert }) {
    answered(id);
    if (words) (isAlert ? alertUser : toast)(words);
  }

  showAction(name) {
    clearTimeout(this.actionTimer);
    this.action = name || null;
    if (name) this.actionTimer = setTimeout(() => this.showAction(null), ACTION_MS);
    this.drawFrame();
  }

  setStatus(status) {
    this.isBlocked = status === "kicked";
    this.visitorMenu.isBlocked = this.isBlocked;
    this.drawFrame();
  }

  drawFrame() {
    const isEmpty = this.transcript.isEmpty;
    byId("welcome").hidden = !isEmpty;
    byId("start-button").hidden = !isEmpty && !this.isBlocked;
    byId("start-button").textContent = text(this.isBlocked ? "unblock" : "start");
    byId("composer").hidden = isEmpty || this.isBlocked;
    if (this.isLineAwaited && !byId("composer").hidden) {
      this.isLineAwaited = false;
      byId("message-input").focus();
    }
    byId("bot-state").textContent = text(this.action || (this.isBlocked ? "bot_blocked" : "online"));
  }

  pressStart() {
    if (this.isBlocked) this.chat.setBlocked(false).catch(showFailure);
    else this.sendText("/start").catch(() => {});
    // The button goes away under the visitor's finger; the line takes its place.
    this.isLineAwaited = true;
  }

  sendText(typed) {
    return this.chat.sendText(typed).catch(refused);
  }

  sendFiles(files, kind, caption) {
    return this.chat.sendFiles(files, kind, caption).catch(refused);
  }
}

/** Tell the visitor, and let the caller know as well. */
function refused(error) {
  showFailure(error);
  throw error;
}

function label() {
  document.documentElement.lang = language;
  byId("scroller").setAttribute("aria-label", text("message"));
  byId("to-end").setAttribute("aria-label", text("jump"));
  byId("commands-button").setAttribute("aria-label", text("commands"));
  byId("commands-button").title = text("commands");
  byId("welcome-title").textContent = text("welcome_title");
  byId("welcome-text").textContent = text("welcome_text");
  byId("welcome-small").textContent = text("welcome_small");
}

// A refusal has been shown where it happened; it is no bug.
window.addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof RefusedError) event.preventDefault();
});

function showOffline() {
  byId("offline").textContent = text("cut_off");
  byId("offline").hidden = false;
}

async function begin() {
  try {
    await new Conversation(await pageFacts()).enterPatiently();
  } catch {
    showOffline();
    setTimeout(begin, RETRY_MS);
  }
}

label();
begin();
