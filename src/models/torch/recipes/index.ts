import { convnextRecipe } from './convnext.ts';
import { efficientnetRecipe } from './efficientnet.ts';
import { mobilenetV1Recipe, mobilenetV2Recipe, mobilenetV3Recipe } from './mobilenet.ts';
import type { Recipe } from './recipe.ts';
import { resnetRecipe } from './resnet.ts';
import { vggRecipe } from './vgg.ts';
import { vitRecipe } from './vit.ts';

export type { Naming, Recognized } from './recipe.ts';

/** The families of networks that are recognised by the names of their weights. */
export const recipes: readonly Recipe[] = [
  resnetRecipe,
  vggRecipe,
  mobilenetV1Recipe,
  mobilenetV2Recipe,
  mobilenetV3Recipe,
  efficientnetRecipe,
  convnextRecipe,
  vitRecipe,
];
