import { useEffect, useState } from 'preact/hooks';
import { CorrectRoom } from './correct-room.tsx';
import type { Engine, ShownImage } from './engine.ts';
import { FindRoom } from './find-room.tsx';
import { LookRoom } from './look-room.tsx';
import { RemoteEngine } from './remote-engine.ts';

type Room = 'look' | 'find' | 'correct';

/** `#correct/train-00000-of-00001.tfrecord#7`: the room, and the image at hand. */
function placeOf(hash: string): { room: Room; image: string | undefined } {
  const [, room, image] = /^#(look|find|correct)(?:\/(.*))?$/.exec(hash) ?? [];
  return { room: (room as Room | undefined) ?? 'look', image: image ? decodeURIComponent(image) : undefined };
}

/**
 * The page: a network, and the rooms in which it is looked at, searched and corrected.
 *
 * @param first id of the image that it opens with, where the address names none
 */
export function App({ engine, first }: { readonly engine: Engine; readonly first?: string | undefined }) {
  const [room, setRoom] = useState<Room>(placeOf(location.hash).room);
  const [image, setImage] = useState<ShownImage>();
  const [ready, setReady] = useState((placeOf(location.hash).image ?? first) === undefined);
  const [ofClass, setOfClass] = useState<number>();
  const remote = engine instanceof RemoteEngine ? engine : undefined;
  const rooms: readonly (readonly [Room, string])[] =
    remote?.view.data && remote.view.canDraw
      ? [
          ['look', 'Look'],
          ['find', 'Find'],
          ['correct', 'Correct'],
        ]
      : [['look', 'Look']];
  useEffect(() => {
    const id = placeOf(location.hash).image ?? first;
    if (id !== undefined) {
      // An image that was dropped is gone when the page is loaded anew.
      engine
        .open(id)
        .then(setImage, () => {})
        .finally(() => setReady(true));
    }
  }, []);
  useEffect(() => {
    // An address that was typed in, or a link of the history.
    const onHash = () => {
      const { room: to, image: id } = placeOf(location.hash);
      setRoom(to);
      if (id !== undefined) engine.open(id).then(setImage, () => {});
    };
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, [engine]);
  useEffect(() => {
    if (ready) history.replaceState(null, '', `#${room}${image ? `/${encodeURIComponent(image.id)}` : ''}`);
  }, [room, image?.id, ready]);
  const go = async (to: Room, id: string, c?: number) => {
    setImage(await engine.open(id));
    setOfClass(c);
    setRoom(to);
    scrollTo(0, 0);
  };
  const { network } = engine;
  return (
    <>
      <header>
        <h1>{network.name}</h1>
        <p class="facts">
          {network.classes.length} classes, {network.link} of the logits, images of{' '}
          {network.imageSize.join('×')}
          {remote?.view.data && `, ${remote.view.data.name}`} <small>{engine.description}</small>
        </p>
        {remote?.view.notes.map((note) => (
          <p class="note" key={note}>
            {note}
          </p>
        ))}
      </header>
      {rooms.length > 1 && (
        <nav aria-label="Rooms">
          <ul>
            {rooms.map(([name, title]) => (
              <li key={name}>
                <button
                  type="button"
                  aria-current={room === name ? 'page' : undefined}
                  onClick={() => setRoom(name)}
                >
                  {title}
                </button>
              </li>
            ))}
          </ul>
        </nav>
      )}
      <main>
        {!ready && <p role="status">Opening the image…</p>}
        {ready && room === 'look' && <LookRoom engine={engine} image={image} onImage={setImage} />}
        {ready && room === 'find' && remote && (
          <FindRoom
            engine={remote}
            onLook={(id) => void go('look', id)}
            onCorrect={(id, c) => void go('correct', id, c)}
          />
        )}
        {ready && room === 'correct' && remote && (
          <CorrectRoom engine={remote} image={image} class={ofClass} onImage={setImage} />
        )}
      </main>
    </>
  );
}
