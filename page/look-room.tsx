import { useMemo, useState } from 'preact/hooks';
import { ClassMaps } from './class-maps.tsx';
import { pictureOf } from './draw.ts';
import type { Engine, ShownImage } from './engine.ts';
import { ImageChooser } from './image-chooser.tsx';
import { LayerPanel } from './layer-panel.tsx';
import { NetworkDrawing } from './network-drawing.tsx';
import { Picture, Trouble, useAnswer } from './parts.tsx';
import { Scores } from './scores.tsx';

/** The first room: what the network makes of an image, from the pixels to the scores. */
export function LookRoom(props: {
  readonly engine: Engine;
  readonly image: ShownImage | undefined;
  readonly onImage: (image: ShownImage) => void;
}) {
  const { engine, image, onImage } = props;
  const [chosen, setChosen] = useState<number>();
  const [best, setBest] = useState<number>();
  const [node, setNode] = useState<string>();
  const picture = useMemo(() => image && pictureOf(image, engine.network.imageSize), [image]);
  const strips = useAnswer(image && ((signal) => engine.look(image, { kind: 'strips' }, { signal })), [
    engine,
    image?.id,
  ]);
  const explained = chosen ?? best;
  return (
    <div class="look">
      <div class="at-hand">
        <ImageChooser engine={engine} image={image} onImage={onImage} />
        {image && picture && (
          <figure>
            <Picture
              picture={picture}
              label={`The image as the network sees it: ${image.name}`}
              className="large"
            />
            <figcaption>
              {image.name}
              {image.labels && (
                <small>
                  {' '}
                  {image.split}: {image.labels.map((c) => engine.network.classes[c]).join(', ') || 'no class'}
                </small>
              )}
            </figcaption>
          </figure>
        )}
        {image && (
          <Scores engine={engine} image={image} chosen={explained} onChoose={setChosen} onScores={setBest} />
        )}
      </div>
      <div class="explained">
        {image && picture && explained !== undefined && (
          <ClassMaps engine={engine} image={image} picture={picture} class={explained} />
        )}
        {!image && <p class="note">Open an image to look at the network with it.</p>}
      </div>
      <section class="layers" aria-label="Network" aria-busy={strips.busy}>
        <h2>Layer by layer</h2>
        <Trouble error={strips.error} />
        {node !== undefined && image && (
          <LayerPanel
            engine={engine}
            image={image}
            node={node}
            onClose={() => setNode(undefined)}
            key={node}
          />
        )}
        <NetworkDrawing
          network={engine.network}
          strips={image ? strips.value : undefined}
          chosen={node}
          onChoose={setNode}
        />
      </section>
    </div>
  );
}
