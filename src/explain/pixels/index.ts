export { deconvolution, gradientMaps, guidedBackpropagation } from './gradient-maps.ts';
export { type GuidedGradCamOptions, guidedGradCam } from './guided-grad-cam.ts';
export { type IntegratedGradientsOptions, integratedGradients } from './integrated-gradients.ts';
export type { PixelOptions } from './options.ts';
export { type ReluRule, reluRule } from './relu-rules.ts';
export type { GraphModel } from './scorer.ts';
export { type SmoothGradOptions, smoothGrad } from './smooth-grad.ts';
