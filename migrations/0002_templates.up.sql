-- The styles that a seller can pick, in menu order. A prompt is the brief of a director for the
-- script writer, per language of the interface; names are what the buttons say.
INSERT INTO templates (id, position, names, prompts) VALUES
(
    'studio_clean',
    10,
    jsonb_build_object('ru', 'Чистая студия', 'en', 'Clean studio'),
    jsonb_build_object(
        'ru',
        'Товар стоит на бесшовном светлом фоне, свет мягкий, от большого софтбокса слева, с '
        'тонкой контровой линией по краю. Камера медленно наезжает от общего плана к крупному'
        ' и замирает, когда товар занимает две трети кадра. Ничего лишнего: только форма, '
        'материал и честный цвет. Финал — спокойный герой-кадр, в котором хватает воздуха для'
        ' подписи.',
        'en',
        'The product stands on a seamless light background, lit softly by a large softbox '
        'from the left with a thin rim of light along its edge. The camera pushes in slowly '
        'from a wide shot and comes to rest when the product fills two thirds of the frame. '
        'Nothing competes with it: only shape, material and true colour. End on a calm hero '
        'frame with air left for a caption.'
    )
),
(
    'macro_detail',
    20,
    jsonb_build_object('ru', 'Макро: детали', 'en', 'Macro details'),
    jsonb_build_object(
        'ru',
        'Начните вплотную: фактура, шов, кромка, капля света на поверхности. Малая глубина '
        'резкости, фокус плавно переходит с одной детали на другую, камера скользит вдоль '
        'формы, не отрываясь от неё. Каждый план показывает один довод в пользу качества. В '
        'конце камера отъезжает, и зритель впервые видит товар целиком.',
        'en',
        'Start right up close: texture, seam, edge, a drop of light on the surface. Keep '
        'depth of field shallow, rack focus from one detail to the next and let the camera '
        'glide along the form without leaving it. Each shot makes one argument for quality. '
        'In the end the camera pulls back and the viewer sees the whole product for the first'
        ' time.'
    )
),
(
    'orbit_turntable',
    30,
    jsonb_build_object('ru', 'Облёт вокруг', 'en', 'Full orbit'),
    jsonb_build_object(
        'ru',
        'Товар стоит на невидимом поворотном столе, камера на уровне его середины плавно '
        'обходит его по дуге. Свет неподвижен, поэтому блики сами бегут по поверхности и '
        'рисуют объём. Скорость ровная, без рывков и склеек. Форма, пропорции и надписи '
        'остаются точно такими, как на фото.',
        'en',
        'The product stands on an invisible turntable and the camera, level with its middle, '
        'travels around it in a smooth arc. The light stays where it is, so the highlights '
        'run over the surface by themselves and draw its volume. Keep one even speed, without'
        ' jerks or cuts. Shape, proportions and lettering stay exactly as they are in the '
        'photo.'
    )
),
(
    'hands_in_use',
    40,
    jsonb_build_object('ru', 'В деле', 'en', 'In use'),
    jsonb_build_object(
        'ru',
        'Покажите товар в работе, от первого лица: в кадре только руки, без лиц. Руки берут '
        'товар, делают им одно главное действие и ставят на место; движение естественное, без'
        ' спешки. Камера с плеча, чуть живая, свет дневной из окна. Зритель должен понять '
        'пользу без единого слова.',
        'en',
        'Show the product at work from a first-person view: only hands in the frame, no '
        'faces. The hands pick it up, do the one thing it is for and put it back; the '
        'movement is natural and unhurried. The camera is handheld and slightly alive, the '
        'light is daylight from a window. The benefit must be clear without a single word.'
    )
),
(
    'cozy_home',
    50,
    jsonb_build_object('ru', 'Уютный дом', 'en', 'Cozy home'),
    jsonb_build_object(
        'ru',
        'Тёплый вечерний интерьер: дерево, лён, лампа вне кадра, мягкие тени. Товар на '
        'переднем плане резкий, дом за ним тонет в размытии и дышит едва заметным движением —'
        ' пар над чашкой, тень листьев. Камера медленно проезжает вбок, и свет перетекает по '
        'товару. Настроение — вечер, который никуда не торопится.',
        'en',
        'A warm evening interior: wood, linen, a lamp out of frame, soft shadows. The product'
        ' in the foreground is sharp while the home behind it melts into blur and breathes '
        'with the slightest movement: steam above a cup, the shadow of leaves. The camera '
        'tracks sideways slowly and the light flows over the product. The mood is an evening '
        'in no hurry.'
    )
),
(
    'morning_light',
    60,
    jsonb_build_object('ru', 'Утренний свет', 'en', 'Morning light'),
    jsonb_build_object(
        'ru',
        'Раннее утро у окна, низкое солнце, длинные тени, в луче видны пылинки. Свет '
        'постепенно наползает на товар и раскрывает его цвет, камера почти неподвижна. '
        'Палитра светлая и чистая: белый, песочный, немного зелени. Ощущение начала дня, в '
        'котором этот предмет уже на своём месте.',
        'en',
        'Early morning by a window, low sun, long shadows, dust in the beam. The light creeps'
        ' onto the product and reveals its colour while the camera hardly moves. The palette '
        'is bright and clean: white, sand, a little green. It should feel like the start of a'
        ' day in which this thing is already in its place.'
    )
),
(
    'outdoor_nature',
    70,
    jsonb_build_object('ru', 'На природе', 'en', 'Out in nature'),
    jsonb_build_object(
        'ru',
        'Товар стоит на естественной опоре — камень, мох, доска у воды — и выглядит там '
        'своим. Свет золотого часа, лёгкий ветер шевелит траву, вдали мягкий пейзаж. Камера '
        'поднимается от земли и наезжает, удерживая товар крупно и резко. Масштаб честный: '
        'предмет не больше и не меньше, чем в жизни.',
        'en',
        'The product rests on something natural, a stone, moss, a plank by the water, and '
        'looks at home there. Golden-hour light, a light wind in the grass, a soft landscape '
        'far away. The camera rises from the ground and pushes in, keeping the product large '
        'and sharp. The scale is honest: neither bigger nor smaller than in life.'
    )
),
(
    'fresh_splash',
    80,
    jsonb_build_object('ru', 'Брызги и свежесть', 'en', 'Fresh splash'),
    jsonb_build_object(
        'ru',
        'Замедленная съёмка: вода или пыль взлетает вокруг товара и застывает в свете, а сам '
        'он остаётся неподвижным, сухим и чётким. Фон однотонный, в цвет упаковки, свет '
        'жёсткий и контровой, чтобы светилась каждая капля. Один сильный удар в начале, потом'
        ' спокойное оседание. Подходит косметике, напиткам и уходу; ничего не обещает, кроме '
        'свежести.',
        'en',
        'Slow motion: water or powder bursts around the product and hangs in the light while '
        'the product itself stays still, dry and crisp. A plain background in the colour of '
        'the packaging, hard backlight so that every drop glows. One strong hit at the start,'
        ' then everything settles calmly. It suits cosmetics, drinks and care, and promises '
        'nothing but freshness.'
    )
),
(
    'neon_night',
    90,
    jsonb_build_object('ru', 'Неоновая ночь', 'en', 'Neon night'),
    jsonb_build_object(
        'ru',
        'Ночной город в отражениях: мокрый тёмный стол, розовый и голубой неон, лёгкий дым. '
        'Блики движутся по граням товара, камера идёт низко и уверенно, ритм — одна смена '
        'плана на удар музыки. Товар остаётся самым светлым местом кадра, его собственный '
        'цвет узнаётся. Хорошо для техники, аксессуаров и всего, что носят вечером.',
        'en',
        'A city at night in reflections: a wet dark table, pink and cyan neon, a little haze.'
        ' Highlights travel along the edges of the product, the camera moves low and sure, '
        'one change of shot per beat. The product stays the brightest place of the frame and '
        'keeps its own colour. Good for gadgets, accessories and whatever is worn at night.'
    )
),
(
    'tech_launch',
    100,
    jsonb_build_object('ru', 'Премьера техники', 'en', 'Tech launch'),
    jsonb_build_object(
        'ru',
        'Тёмная сцена, из которой товар проявляется одной светящейся кромкой; затем свет '
        'проходит по всей форме, как на презентации. Камера делает два точных движения — '
        'наезд и поворот, — между ними пауза. Планы говорят об устройстве: материал, разъём, '
        'экран, толщина. Строго, точно, без дыма и искр.',
        'en',
        'A dark stage out of which the product appears as a single glowing edge; then light '
        'sweeps over its whole form, as at a launch event. The camera makes two precise '
        'moves, a push and a turn, with a pause between them. The shots speak of the device: '
        'material, port, screen, thickness. Strict and exact, without smoke or sparks.'
    )
),
(
    'unboxing',
    110,
    jsonb_build_object('ru', 'Распаковка', 'en', 'Unboxing'),
    jsonb_build_object(
        'ru',
        'Вид сверху на чистый стол: коробка или пакет открывается, и товар поднимается '
        'навстречу камере. Движения аккуратные, слышно шуршание бумаги, всё, что входит в '
        'комплект, ложится вокруг ровным рядом. Показывайте только то, что есть на фото или '
        'названо продавцом. Последний кадр — весь набор, снятый сверху, как на карточке '
        'товара.',
        'en',
        'A view from above onto a clean table: the box or bag opens and the product rises '
        'towards the camera. The movements are neat, paper rustles, and all that belongs to '
        'the set lies down around it in an even row. Show only what is in the photo or named '
        'by the seller. The last frame is the whole set from above, as on a product card.'
    )
),
(
    'fashion_flow',
    120,
    jsonb_build_object('ru', 'Ткань в движении', 'en', 'Fabric in motion'),
    jsonb_build_object(
        'ru',
        'Одежда или ткань живёт в потоке воздуха: складки идут волной, подол ложится, видно, '
        'как материал тянется и держит форму. Без людей и манекенов с лицами: вещь висит на '
        'невидимой опоре или лежит и дышит. Свет скользящий, чтобы читалась фактура, камера '
        'идёт за волной. Цвет и крой точно как на фото.',
        'en',
        'A garment or fabric lives in a stream of air: folds run in waves, the hem settles, '
        'one sees how the material stretches and keeps its shape. No people and no mannequins'
        ' with faces: the piece hangs from nothing or lies and breathes. Raking light makes '
        'the texture readable and the camera follows the wave. Colour and cut stay exactly as'
        ' in the photo.'
    )
);
