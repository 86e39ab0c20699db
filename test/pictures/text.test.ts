import test from 'ava';
import sharp from 'sharp';
import { visualOrder } from '../../src/pictures/right-to-left.ts';
import { textElement, textWidth } from '../../src/pictures/text.ts';
import { unifontGlyph } from '../../src/pictures/unifont.ts';

/** Rows of pixels of an SVG of black on white, as `#` and `.`. */
async function draw(content: string, width: number, height: number): Promise<string[]> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`;
  const { data } = await sharp(Buffer.from(svg))
    .flatten({ background: '#fff' })
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (value) => (value < 128 ? '#' : '.')).join(''),
  );
}

/** Unifont's own notation: two hexadecimal digits for each row of eight pixels. */
const rowsOf = (hex: string) =>
  (hex.match(/../g) ?? []).map((row) =>
    Number.parseInt(row, 16).toString(2).padStart(8, '0').replaceAll('1', '#').replaceAll('0', '.'),
  );

test('a glyph is what the .hex file of GNU Unifont says', async (t) => {
  const { width, path } = unifontGlyph('A')!;
  t.is(width, 8);
  const drawn = await draw(`<path transform="translate(0 14)" d="${path}"/>`, 8, 16);
  t.deepEqual(drawn, rowsOf('0000000018242442427E424242420000'));
});

test('words of other scripts are drawn, sharp at the size of captions, and not as boxes', async (t) => {
  const texts = ['猫', 'кошка', 'γάτα', '고양이', 'חתול', 'قطة', 'แมว', 'बिल्ली', 'mèo ở'];
  const drawn = new Set<string>();
  for (const text of texts) {
    const width = Math.ceil(textWidth(text, 13.5));
    const rows = await draw(textElement(text, 2, 16, { size: 13.5, color: '#000' }), width + 4, 20);
    t.true(
      rows.some((row) => row.includes('#')),
      text,
    );
    drawn.add(rows.join('\n'));
    // A path and nothing that asks the machine for a font.
    t.notRegex(textElement(text, 0, 0, { size: 13.5, color: '#000' }), /<text|font/);
  }
  t.is(drawn.size, texts.length);
  const cat = unifontGlyph('猫')!;
  t.deepEqual(
    await draw(textElement('猫', 0, 14, { size: 13.5, color: '#000' }), 16, 16),
    await draw(`<path transform="translate(0 14)" d="${cat.path}"/>`, 16, 16),
  );
});

test('what no font has is written as its code point; what is not to be seen is left out', (t) => {
  t.is(unifontGlyph('😀'), undefined);
  const width = (text: string) => textWidth(text, 20);
  t.is(width('😀'), width('U+1F600'));
  t.is(width('cat\u200d\ufe0f\u00ad'), width('cat'));
  t.is(width('a\tb\nc'), width('a b c'));
});

test('accents are kept, composed or not', async (t) => {
  const style = { size: 20, color: '#000' };
  const of = (text: string) => draw(textElement(text, 0, 24, style), 20, 32);
  for (const letter of ['ä', 'É', 'ñ', 'Š', 'ç', 'å', 'í']) {
    t.deepEqual(await of(letter), await of(letter.normalize('NFD')), letter);
    t.notDeepEqual(await of(letter), await of(letter.normalize('NFD')[0]!), letter);
    t.is(textWidth(letter, 20), textWidth(letter.normalize('NFD')[0]!, 20));
  }
});

test('Hebrew and Arabic run from right to left, Arabic letters join', (t) => {
  t.is(visualOrder('cat 12'), 'cat 12');
  t.is(visualOrder('חתול 12'), '12 לותח');
  // seen initial, lam and alef in one, final, meem alone, from right to left.
  t.is(visualOrder('سلام'), '\ufee1\ufefc\ufeb3');
  // qaf initial, tah medial, teh marbuta final.
  t.is(visualOrder('قطة'), '\ufe94\ufec4\ufed7');
  // dal and reh do not join what follows.
  t.is(visualOrder('در'), '\ufead\ufea9');
});
