import { useEffect, useRef, useState } from 'preact/hooks';
import type { Engine, ShownImage } from './engine.ts';
import { Choice, Trouble } from './parts.tsx';
import { RemoteEngine } from './remote-engine.ts';

/** Brings an image to the page: dropped, pasted, from a file, from the camera, or from what lies ready. */
export function ImageChooser(props: {
  readonly engine: Engine;
  readonly image: ShownImage | undefined;
  readonly onImage: (image: ShownImage) => void;
}) {
  const { engine, image, onImage } = props;
  const [error, setError] = useState<string>();
  const [over, setOver] = useState(false);
  const [camera, setCamera] = useState(false);
  const bring = async (picture: Blob, name: string) => {
    try {
      onImage(await engine.bring(picture, name));
      setError(undefined);
    } catch (problem) {
      setError((problem as Error).message);
    }
  };
  const open = async (id: string) => {
    try {
      onImage(await engine.open(id));
      setError(undefined);
    } catch (problem) {
      setError((problem as Error).message);
    }
  };
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'));
      if (file) void bring(file, file.name || 'pasted image');
    };
    addEventListener('paste', onPaste);
    return () => removeEventListener('paste', onPaste);
  }, [engine]);
  return (
    <section
      class={over ? 'chooser over' : 'chooser'}
      aria-label="Image"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const [file] = event.dataTransfer?.files ?? [];
        if (file) void bring(file, file.name);
      }}
    >
      <p class="row">
        <label class="button">
          Open an image…
          <input
            type="file"
            accept="image/*"
            class="hidden-input"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file) void bring(file, file.name);
              event.currentTarget.value = '';
            }}
          />
        </label>
        <button type="button" onClick={() => setCamera(!camera)} aria-pressed={camera}>
          Camera
        </button>
        <small>or drop one here, or paste one</small>
      </p>
      {camera && <Camera onPicture={(picture) => bring(picture, 'camera')} onError={setError} />}
      {engine.gallery.length > 0 && (
        <Choice
          label="Images at hand"
          value={image?.id ?? ''}
          options={[['', 'choose…'], ...engine.gallery.map(({ id, name }) => [id, name] as const)]}
          onChange={(id) => id && void open(id)}
        />
      )}
      {engine instanceof RemoteEngine && engine.view.data && (
        <DatasetChooser engine={engine} image={image} onOpen={open} />
      )}
      <Trouble error={error} />
    </section>
  );
}

/** An image of the data set by split and number. */
function DatasetChooser(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage | undefined;
  readonly onOpen: (id: string) => Promise<void>;
}) {
  const { engine, image, onOpen } = props;
  const splits = engine.view.data!.splits.filter(({ examples }) => examples > 0);
  const [split, setSplit] = useState(splits[0]?.name ?? '');
  const [number, setNumber] = useState(0);
  const count = splits.find(({ name }) => name === split)?.examples ?? 0;
  const go = async (to: number, of = split) => {
    const at = Math.max(0, Math.min(count - 1, to));
    setNumber(at);
    const { examples } = await engine.list(of, at, 1);
    if (examples[0]) await onOpen(examples[0].id);
  };
  useEffect(() => {
    // The image may come from elsewhere: from Find, or from the address.
    if (image?.split == null || image.index === null) return;
    setSplit(image.split);
    setNumber(image.index);
  }, [image?.id]);
  useEffect(() => {
    // The page opens with something to look at.
    if (!image && count > 0) void go(0);
  }, []);
  return (
    <p class="row">
      <Choice
        label="Data set"
        value={split}
        options={splits.map(({ name, examples }) => [name, `${name} (${examples})`])}
        onChange={(name) => {
          setSplit(name);
          void go(0, name);
        }}
      />
      <button type="button" aria-label="Previous image" onClick={() => go(number - 1)}>
        ‹
      </button>
      <label>
        <span class="only-read">Number of the image</span>
        <input
          type="number"
          min={0}
          max={count - 1}
          value={number}
          onChange={(event) => go(Number(event.currentTarget.value))}
        />
      </label>
      <button type="button" aria-label="Next image" onClick={() => go(number + 1)}>
        ›
      </button>
      <button type="button" onClick={() => go(Math.floor(Math.random() * count))}>
        Any
      </button>
    </p>
  );
}

/** Live from the camera, about two pictures a second; nothing leaves this machine but to the server of this page. */
function Camera(props: {
  readonly onPicture: (picture: Blob) => Promise<void>;
  readonly onError: (message: string) => void;
}) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let ended = false;
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640 }, audio: false });
      if (ended) return stop();
      video.current!.srcObject = stream;
      await video.current!.play();
      while (!ended) {
        await snap();
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    };
    const snap = async () => {
      const canvas = document.createElement('canvas');
      const { videoWidth, videoHeight } = video.current!;
      if (videoWidth === 0) return;
      [canvas.width, canvas.height] = [videoWidth, videoHeight];
      canvas.getContext('2d')!.drawImage(video.current!, 0, 0);
      const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.9));
      if (picture && !ended) await props.onPicture(picture);
    };
    const stop = () => {
      ended = true;
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    start().catch((problem: Error) => props.onError(`The camera cannot be used: ${problem.message}`));
    return stop;
  }, []);
  return <video ref={video} muted playsInline class="camera" aria-label="What the camera sees" />;
}
