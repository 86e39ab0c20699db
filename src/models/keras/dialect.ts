/** JSON of a file, of which nothing is known yet. */
export type Json = Record<string, unknown>;

/** Whose words a description speaks: tfjs's own, those of Keras 2 (tf.keras), or those of Keras 3. */
export type Dialect = 'tfjs' | 'keras2' | 'keras3';

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Finds out who wrote a description, by what it says of itself, else by its form.
 *
 * @param envelope the object that has `model_config`, or the description itself
 */
export function dialectOf(envelope: Json, model: Json): Dialect {
  const version = typeof envelope.keras_version === 'string' ? envelope.keras_version : '';
  if (version.startsWith('tfjs') || envelope.backend === 'tensor_flow.js') return 'tfjs';
  if (/^3\./.test(version)) return 'keras3';
  if (/^[12]\./.test(version)) return 'keras2';
  const text = JSON.stringify(model).slice(0, 100_000);
  if (/"registered_name"|"batch_shape"|"__keras_tensor__"/.test(text)) return 'keras3';
  return envelope.backend === 'tensorflow' ? 'keras2' : 'tfjs';
}
