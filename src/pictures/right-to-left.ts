import bidiFactory from 'bidi-js';

/** Hebrew, Arabic and the other scripts that are written from right to left. */
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
/** The letters of Arabic, without marks. */
const arabic = /[\u0620-\u064a\u066e-\u06d3]/;
const mark = /\p{Mn}/u;

/** Shapes of a letter at the four places of a word; `initial` and `medial` where it joins the next one. */
interface Forms {
  isolated: string;
  final?: string;
  initial?: string;
  medial?: string;
}

/** What joins on both sides and has one shape: the connecting line (tatweel). */
const tatweel = 'ـ';

/**
 * Letters and ligatures with their shapes, from Unicode's own presentation forms (blocks FB50 and FE70): each
 * decomposes to its letter, tagged as isolated, final, initial or medial by the order in which the four stand.
 */
const shapes = new Map<string, Forms>();
for (const [first, last] of [
  [0xfe80, 0xfefc],
  [0xfb50, 0xfbff],
] as const) {
  const names = ['isolated', 'final', 'initial', 'medial'] as const;
  for (let codePoint = first; codePoint <= last; codePoint++) {
    const form = String.fromCodePoint(codePoint);
    const letter = form.normalize('NFKD').normalize('NFC');
    if (letter === form || letter.includes(' ')) continue;
    const forms = shapes.get(letter);
    if (!forms) shapes.set(letter, { isolated: form });
    else {
      const next = names.find((name) => forms[name] === undefined);
      if (next) forms[next] = form;
    }
  }
}

/**
 * A line in the order in which its characters stand from left to right (Unicode Bidirectional Algorithm, UAX 9), Arabic
 * letters in the shape that their neighbours ask for.
 */
export function visualOrder(text: string): string {
  if (!rightToLeft.test(text)) return text;
  const joined = joinArabic(text);
  // The package is CommonJS, whose types say `default` where Node gives the function itself.
  const bidi = (bidiFactory as unknown as typeof bidiFactory.default)();
  return bidi.getReorderedString(joined, bidi.getEmbeddingLevels(joined));
}

/** Each letter in its isolated, final, initial or medial shape; lam and alef are one. Marks are left out. */
function joinArabic(text: string): string {
  if (!arabic.test(text)) return text;
  const letters = Array.from(text).filter((character) => !mark.test(character));
  const units: string[] = [];
  for (const letter of letters) {
    const ligature = `${units.at(-1)}${letter}`;
    if (units.at(-1) === 'ل' && shapes.has(ligature)) units[units.length - 1] = ligature;
    else units.push(letter);
  }
  const joinsNext = (unit: string | undefined) =>
    unit === tatweel || (unit !== undefined && shapes.get(unit)?.initial !== undefined);
  const joinsPrevious = (unit: string | undefined) =>
    unit === tatweel || (unit !== undefined && shapes.get(unit)?.final !== undefined);
  return units
    .map((unit, i) => {
      const forms = shapes.get(unit);
      if (!forms) return unit;
      const before = joinsNext(units[i - 1]) && forms.final !== undefined;
      const after = forms.initial !== undefined && joinsPrevious(units[i + 1]);
      if (before && after) return forms.medial ?? forms.final!;
      return before ? forms.final! : after ? forms.initial! : forms.isolated;
    })
    .join('');
}
