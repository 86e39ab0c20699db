"""Photos of class folders with their masks, and the network: what every job needs."""
import lightning as L
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import functional as T


class Photos(Dataset):
    def __init__(self, folder="photos", masks="masks"):
        self.folder = ImageFolder(folder)
        self.classes = self.folder.classes
        self.masks = [path.replace(folder, masks, 1).replace(".jpg", ".png") for path, _ in self.folder.samples]

    def __len__(self):
        return len(self.folder)

    def __getitem__(self, i):
        image, label = self.folder[i]
        mask = Image.open(self.masks[i]).convert("L")
        return T.to_tensor(image.resize((96, 96))), label, (T.to_tensor(mask.resize((96, 96))) > 0.5).float()


def loaders(batch_size=16):
    photos = Photos()
    order = np.random.default_rng(0).permutation(len(photos))
    cut, end = int(0.7 * len(order)), int(0.85 * len(order))
    parts = [Subset(photos, part.tolist()) for part in (order[:cut], order[cut:end], order[end:])]
    return [DataLoader(part, batch_size, shuffle=i == 0) for i, part in enumerate(parts)]


class Network(nn.Module):
    def __init__(self, widths=(16, 32, 64, 64), classes=2):
        super().__init__()
        layers, channels = [], 3
        for i, width in enumerate(widths):
            if i > 0:
                layers.append(nn.MaxPool2d(2))
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class Classifier(L.LightningModule):
    def __init__(self, widths=(16, 32, 64, 64)):
        super().__init__()
        self.save_hyperparameters("widths")
        self.model = Network(widths)

    def forward(self, x):
        return self.model(x)

    def training_step(self, batch, _):
        images, labels, _ = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _):
        images, labels, _ = batch
        self.log("val_acc", (self(images).argmax(1) == labels).float().mean(), prog_bar=True)

    def test_step(self, batch, _):
        images, labels, _ = batch
        self.log("test_acc", (self(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


def trainer(**options):
    return L.Trainer(max_epochs=10, accelerator="cpu", log_every_n_steps=5, **options)


def trained(path="plain.ckpt"):
    return Classifier.load_from_checkpoint(path).eval()
