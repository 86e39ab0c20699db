import type { DatasetInfo, DatasetSurvey, Leak, SplitSurvey, Spread } from '../data/index.ts';

// How `npm run data` says what it found, as text and as JSON.

/** The survey in lines. @param shown pairs of images that are named */
export function describeSurvey(info: DatasetInfo, survey: DatasetSurvey, shown: number): string {
  const images = survey.splits.reduce((sum, { examples }) => sum + examples, 0);
  const lines = [
    `${info.name}: ${images} images, ${info.classes.length} classes, ${info.multiLabel ? 'several labels' : 'one label'} per image`,
  ];
  for (const split of survey.splits) lines.push(...splitLines(split, info));
  lines.push(...leakLines(survey, shown));
  return `${lines.join('\n')}\n`;
}

function splitLines(split: SplitSurvey, { classes, multiLabel }: DatasetInfo): string[] {
  const { examples, perClass, unknown, groups, width, height } = split;
  const share = (count: number) => (examples > 0 ? ` (${((100 * count) / examples).toFixed(1)} %)` : '');
  const lines = [
    `${split.split}: ${examples} images${width && height ? `, ${range(width)} x ${range(height)} pixels` : ''}`,
    `  ${split.boxes} boxes in ${split.withBoxes} images, ${split.masks} masks in ${split.withMasks}${
      split.maskArea
        ? `, a mask covers ${range(split.maskArea.map((area) => Math.round(area * 100)) as Spread)} %`
        : ''
    }${split.withConfounders > 0 ? `, confounders in ${split.withConfounders}` : ''}`,
  ];
  if (multiLabel) {
    lines.push(`  classes per image: ${split.perImage.map((count, n) => `${n} in ${count}`).join(', ')}`);
  }
  for (const [i, name] of classes.entries()) {
    const uncertain = unknown[i]! > 0 ? `, unknown in ${unknown[i]}` : '';
    lines.push(`  class ${i} ${name}: ${perClass[i]}${share(perClass[i]!)}${uncertain}`);
  }
  for (const { group, examples: members, perClass: counts } of groups) {
    const by = classes.map((name, i) => `${name} ${counts[i]}`).join(', ');
    lines.push(`  group ${group}: ${members}${share(members)}: ${by}`);
  }
  const empty = classes.filter((_, i) => perClass[i] === 0);
  if (empty.length > 0) lines.push(`  warning: no image of ${empty.join(', ')}`);
  return lines;
}

function leakLines({ duplicates: { leaks, notCompared } }: DatasetSurvey, shown: number): string[] {
  const lines = [];
  if (leaks.length === 0) lines.push('no image seems to lie in two splits');
  else lines.push(`likely leaks, images that look the same in two splits: ${leaks.length}`);
  for (const leak of leaks.slice(0, shown)) lines.push(`  ${described(leak)}`);
  if (leaks.length > shown) lines.push(`  … and ${leaks.length - shown} more`);
  if (notCompared > 0) lines.push(`not compared, too many look alike in part: ${notCompared}`);
  return lines;
}

function described({ a, b, distance, likeness }: Leak): string {
  return `${a.split} ${a.filename} (${a.id}), ${b.split} ${b.filename} (${b.id}): ${distance} of 112 bits differ, likeness ${likeness.toFixed(3)}`;
}

function range([least, median, most]: Spread): string {
  return least === most ? `${least}` : `${least} to ${most} (median ${median})`;
}

/** The survey for programs. */
export function surveyJson(info: DatasetInfo, { splits, duplicates }: DatasetSurvey) {
  const place = ({ id, filename, split }: Leak['a']) => ({ id, filename, split });
  return {
    name: info.name,
    classes: info.classes,
    multiLabel: info.multiLabel,
    splits,
    leaks: duplicates.leaks.map(({ a, b, distance, likeness }) => ({
      a: place(a),
      b: place(b),
      distance,
      likeness,
    })),
    notCompared: duplicates.notCompared,
  };
}
