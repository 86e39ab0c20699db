import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from photos import Classifier, loaders, trainer
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import show_cam_on_image


class Heatmaps(L.Callback):
    def __init__(self, images):
        self.images = images

    def on_validation_epoch_end(self, trainer, module):
        with torch.enable_grad(), GradCAM(module.model, [module.model.features[-1]]) as cam:
            maps = cam(input_tensor=self.images)
        for i, (image, heat) in enumerate(zip(self.images, maps)):
            picture = show_cam_on_image(image.permute(1, 2, 0).numpy(), heat, use_rgb=True)
            trainer.logger.experiment.add_image(f"heatmap/{i}", picture, trainer.current_epoch, dataformats="HWC")


L.seed_everything(1)
train, val, test = loaders()
images = next(iter(val))[0][:8]
fit = trainer(logger=TensorBoardLogger("logs"), callbacks=[Heatmaps(images)])
classifier = Classifier()
fit.fit(classifier, train, val)
fit.test(classifier, test)
fit.save_checkpoint("plain.ckpt")
