export { type LinearLayer, logisticRegression, type RegressionData } from './logistic-regression.ts';
export { headFeatures, type RefitOptions, refitLastLayer } from './refit-layer.ts';
