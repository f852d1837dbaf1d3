// Who sits at this browser: simulated Telegram users, remembered in localStorage.

import { language } from "./texts.js";

const KEY = "neurocards.visitors";
const NAMES = language === "ru"
  ? ["Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар", "Инна", "Кирилл"]
  : ["Anna", "Ben", "Clara", "David", "Emma", "Finn", "Grace", "Henry", "Ivy", "Jack"];
const FIRST_ID = 700_000_000;
const IDS = 200_000_000;

/** @typedef {{id: number, name: string}} Visitor */

export class Visitors {
  constructor(storage = window.localStorage) {
    this.storage = storage;
    const kept = this.read();
    /** @type {Visitor[]} */
    this.all = kept.all;
    this.presentId = kept.presentId;
    if (!this.present) this.add();
  }

  /** @returns {Visitor} */
  get present() {
    return this.all.find((visitor) => visitor.id === this.presentId);
  }

  add() {
    const round = Math.floor(this.all.length / NAMES.length);
    const name = NAMES[this.all.length % NAMES.length] + (round ? ` ${round + 1}` : "");
    const id = FIRST_ID + crypto.getRandomValues(new Uint32Array(1))[0] % IDS;
    this.all.push({ id, name });
    this.choose(id);
  }

  choose(id) {
    this.presentId = id;
    this.write();
  }

  read() {
    try {
      const kept = JSON.parse(this.storage.getItem(KEY));
      const all = kept.all.filter((one) => Number.isSafeInteger(one.id) && one.name);
      return { all, presentId: kept.presentId };
    } catch {
      return { all: [], presentId: 0 };
    }
  }

  write() {
    try {
      this.storage.setItem(KEY, JSON.stringify({ all: this.all, presentId: this.presentId }));
    } catch {
      // A private window may forbid it: then a reload simply begins anew.
    }
  }
}

export const initials = (name) => name.slice(0, 1).toUpperCase();

/** A calm colour that belongs to the visitor. */
export const hue = (visitor) => (visitor.id * 47) % 360;
