// The words of the page, in the browser's language; the bot's own words come from the bot.

const RUSSIAN = {
  attach: "Прикрепить фото или файл",
  bot_blocked: "Бот заблокирован",
  cancel: "Отмена",
  caption: "Подпись: что это за товар",
  close: "Закрыть",
  commands: "Команды",
  cut_off: "Нет связи с демо. Пробую снова…",
  delete: "Удалить сообщение",
  download: "Скачать видео",
  drop_file: "Отправить как файл",
  drop_file_hint: "без сжатия, как есть",
  drop_photo: "Отправить как фото",
  drop_photo_hint: "со сжатием, как в Telegram",
  file_as: "Как файл",
  file_hint: "Файл уходит как есть, до 50 МБ.",
  impossible: "Не получилось: {reason}",
  jump: "К последнему сообщению",
  message: "Сообщение",
  new_visitor: "Новый посетитель",
  no_h264: "Этот браузер не умеет показывать H.264, поэтому здесь только первый кадр. "
    + "Само видео готово:",
  ok: "Понятно",
  online: "бот",
  panel: "Что происходит",
  panel_idle: "Здесь появится путь вашего заказа, как только вы его подтвердите. "
    + "Всё настоящее, кроме трёх имитаторов: Telegram, OpenAI и KIE.",
  panel_off: "Сведения о заказах показывает только полное демо (neurocards demo).",
  part_bot: "Бот", part_bot_does: "принимает фото и заказ, списывает кредит",
  part_data: "PostgreSQL", part_data_does: "хранит заказ, деньги и диалог",
  part_queue: "NATS JetStream", part_queue_does: "несёт заказ к свободному воркеру",
  part_worker: "Воркер", part_worker_does: "пишет сценарий, заказывает рендер, доставляет видео",
  part_video: "Видео", part_video_does: "встаёт на место сообщения с ходом работы",
  photo: "Фотография",
  photo_as: "Как фото",
  photo_hint: "Фото сжимается, как в Telegram: до 1280 пикселей.",
  send: "Отправить",
  send_many: "Отправить: {count}",
  send_photo: "Отправить фото",
  start: "СТАРТ",
  sticker: "Стикер",
  today: "Сегодня",
  typing: "печатает…",
  unblock: "Разблокировать бота",
  block: "Заблокировать бота",
  upload_photo: "отправляет фото…",
  upload_video: "отправляет видео…",
  video: "Видео",
  visitor: "Посетитель",
  visitors: "Посетители в этом браузере",
  visitors_note: "У каждого своя переписка и свой баланс.",
  welcome_small: "Демо на этой машине: настоящие бот, база, очередь и воркер; "
    + "Telegram, OpenAI и KIE здесь имитируются. Наружу ничего не уходит.",
  welcome_text: "Пришлите фото товара, выберите стиль — и через несколько секунд "
    + "получите готовый ролик.",
  welcome_title: "Что умеет этот бот?",
  yesterday: "Вчера",
  you: "Вы",
  bytes: ["Б", "КБ", "МБ"],
  state_queued: "Принят", who_queued: "бот → PostgreSQL → NATS",
  state_scripting: "Сценарий", who_scripting: "воркер → имитатор OpenAI",
  state_submitting: "Отправка на рендер", who_submitting: "воркер → имитатор KIE",
  state_rendering: "Рендер", who_rendering: "имитатор KIE рисует настоящий MP4",
  state_fetching: "Загрузка видео", who_fetching: "воркер ← имитатор KIE",
  state_delivering: "Доставка", who_delivering: "воркер → имитатор Telegram",
  state_done: "Готово", who_done: "видео стоит на месте статуса",
  state_failed: "Не удалось", who_failed: "кредиты возвращены",
  state_cancelled: "Отменён", who_cancelled: "кредиты возвращены",
  script: "Сценарий",
  order: "Заказ",
  fact_id: "номер", fact_format: "формат", fact_price: "цена", fact_attempts: "взят воркером",
  fact_task: "задача KIE", fact_error: "ошибка",
  order_tab: "Ваш заказ", workers_tab: "Воркеры",
  scaling_queued: "в очереди", scaling_running: "в работе", scaling_workers: "воркеров",
  scaling_starting: "запускается: {count}", scaling_going: "завершается: {count}",
  scaling_why: "Почему столько",
  scaling_wishes: "Все желания и пределы",
  scaling_asleep: "Масштабирование начнётся, как только всё запустится.",
  scaling_chart: "Очередь и воркеры за последние минуты",
  scaling_queue_line: "очередь, до {count}", scaling_workers_line: "воркеры, до {count}",
  crowd: "Отправить 60 заказов",
  crowd_hint: "От 60 выдуманных пользователей, через самого бота: с вашим последним фото или с нашими.",
  crowd_going: "Заказов принято: {accepted} из {wanted}",
  crowd_refused: "не принято: {count}",
  credits: "{count} кр.",
  seconds: "{count} с",
};

const ENGLISH = {
  attach: "Attach a photo or a file",
  bot_blocked: "Bot is blocked",
  cancel: "Cancel",
  caption: "Caption: what is the product",
  close: "Close",
  commands: "Commands",
  cut_off: "No connection to the demo. Trying again…",
  delete: "Delete message",
  download: "Download the video",
  drop_file: "Send as a file",
  drop_file_hint: "uncompressed, as it is",
  drop_photo: "Send as a photo",
  drop_photo_hint: "compressed, as Telegram does it",
  file_as: "As a file",
  file_hint: "A file goes as it is, up to 50 MB.",
  impossible: "That did not work: {reason}",
  jump: "To the newest message",
  message: "Message",
  new_visitor: "New visitor",
  no_h264: "This browser cannot play H.264, so only the first frame is shown. "
    + "The video itself is ready:",
  ok: "OK",
  online: "bot",
  panel: "What is happening",
  panel_idle: "The way of your order appears here once you confirm it. "
    + "Everything is real but for three simulators: Telegram, OpenAI and KIE.",
  panel_off: "Only the whole demo (neurocards demo) can tell about orders.",
  part_bot: "Bot", part_bot_does: "takes the photo and the order, charges the credit",
  part_data: "PostgreSQL", part_data_does: "keeps the order, the money and the dialogue",
  part_queue: "NATS JetStream", part_queue_does: "carries the order to a free worker",
  part_worker: "Worker", part_worker_does: "writes the script, orders the render, delivers",
  part_video: "Video", part_video_does: "takes the place of the progress message",
  photo: "Photo",
  photo_as: "As a photo",
  photo_hint: "A photo is compressed as Telegram does it: to 1280 pixels.",
  send: "Send",
  send_many: "Send: {count}",
  send_photo: "Send photo",
  start: "START",
  sticker: "Sticker",
  today: "Today",
  typing: "typing…",
  unblock: "Unblock the bot",
  block: "Block the bot",
  upload_photo: "sending a photo…",
  upload_video: "sending a video…",
  video: "Video",
  visitor: "Visitor",
  visitors: "Visitors in this browser",
  visitors_note: "Each has a chat and a balance of their own.",
  welcome_small: "A demo on this machine: the bot, database, queue and worker are real; "
    + "Telegram, OpenAI and KIE are simulated here. Nothing leaves this machine.",
  welcome_text: "Send a photo of a product, pick a style, and seconds later "
    + "you have a finished clip.",
  welcome_title: "What can this bot do?",
  yesterday: "Yesterday",
  you: "You",
  bytes: ["B", "KB", "MB"],
  state_queued: "Accepted", who_queued: "bot → PostgreSQL → NATS",
  state_scripting: "Script", who_scripting: "worker → OpenAI simulator",
  state_submitting: "Sent to be rendered", who_submitting: "worker → KIE simulator",
  state_rendering: "Render", who_rendering: "the KIE simulator draws a real MP4",
  state_fetching: "Video fetched", who_fetching: "worker ← KIE simulator",
  state_delivering: "Delivery", who_delivering: "worker → Telegram simulator",
  state_done: "Done", who_done: "the video stands in the status message's place",
  state_failed: "Failed", who_failed: "the credits are given back",
  state_cancelled: "Cancelled", who_cancelled: "the credits are given back",
  script: "Script",
  order: "Order",
  fact_id: "id", fact_format: "format", fact_price: "price", fact_attempts: "claims",
  fact_task: "KIE task", fact_error: "error",
  order_tab: "Your order", workers_tab: "Workers",
  scaling_queued: "queued", scaling_running: "in work", scaling_workers: "workers",
  scaling_starting: "starting: {count}", scaling_going: "ending: {count}",
  scaling_why: "Why so many",
  scaling_wishes: "All wishes and limits",
  scaling_asleep: "Scaling begins as soon as everything runs.",
  scaling_chart: "Queue and workers of the last minutes",
  scaling_queue_line: "queue, up to {count}", scaling_workers_line: "workers, up to {count}",
  crowd: "Send 60 orders",
  crowd_hint: "By 60 invented users, through the bot itself: with your last photo, or with ours.",
  crowd_going: "Orders taken: {accepted} of {wanted}",
  crowd_refused: "not taken: {count}",
  credits: "{count} cr.",
  seconds: "{count} s",
};

export const language = (navigator.languages || [navigator.language])
  .map((tag) => tag.slice(0, 2).toLowerCase())
  .find((tag) => tag === "ru" || tag === "en") || "en";

const WORDS = language === "ru" ? RUSSIAN : ENGLISH;

/** The text of that name with `{placeholders}` filled in. */
export function text(name, values = {}) {
  return WORDS[name].replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

const ONE_DIGIT = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

export function sizeText(bytes) {
  const step = bytes < 1024 ? 0 : bytes < 1024 ** 2 ? 1 : 2;
  return `${ONE_DIGIT.format(bytes / 1024 ** step)} ${WORDS.bytes[step]}`;
}

export function secondsText(seconds) {
  const shown = seconds > 0 && seconds < 0.05 ? `<${ONE_DIGIT.format(0.1)}` : ONE_DIGIT.format(seconds);
  return text("seconds", { count: shown });
}

const CLOCK = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });

export const clockText = (unixSeconds) => CLOCK.format(unixSeconds * 1000);

export function dayText(unixSeconds, now = Date.now()) {
  const day = new Date(unixSeconds * 1000).toDateString();
  if (day === new Date(now).toDateString()) return text("today");
  if (day === new Date(now - 86_400_000).toDateString()) return text("yesterday");
  return DAY.format(unixSeconds * 1000);
}
