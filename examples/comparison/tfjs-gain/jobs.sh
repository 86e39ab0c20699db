# What is typed in an empty folder that has photos/CLASS/*.jpg and masks/CLASS/*.png.
npm install tfjs-gain
npx tfjs-gain init photos
npx tfjs-gain import folder --dir photos --masks masks --fractions train=0.7,val=0.15,test=0.15 --out data/photos

# 1. train with heatmaps: in TensorBoard, and runs/photos/attention/*.png
npx tfjs-gain train --config photos.yaml --set gain.losses.mining.weight=0 --run runs/plain
# 2. heatmap of a photo
npx tfjs-gain explain --run runs/plain --image photos/disc/3.jpg --method grad-cam --top 2 --out heatmap
# 3. guided training with masks
npx tfjs-gain train --config photos.yaml --set "data.masks={ split: train, count: all }" --set gain.losses.supervision.weight=10 --run runs/guided
# 4. localization scores
npx tfjs-gain evaluate --run runs/plain --method grad-cam --threshold-from val
npx tfjs-gain evaluate --run runs/guided --method grad-cam --threshold-from val
# 5. distilled maps
npx tfjs-gain train --config distill.yaml
