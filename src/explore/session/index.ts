export { Examples, type ListedExample, type ShownExample } from './examples.ts';
export { type PageJob, pageJob, type ServerJob, type SessionJob } from './jobs.ts';
export {
  type ImageView,
  MOST_UPLOADED_PIXELS,
  Session,
  type SessionOptions,
  type SessionView,
} from './session.ts';
export { type Answered, SessionProcess } from './session-process.ts';
