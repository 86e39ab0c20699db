import lightning as L
import torch
from maps import grad_cam
from photos import Classifier, loaders, trained, trainer
from torch.nn import functional as F


class Student(Classifier):
    def __init__(self, teacher):
        super().__init__((8, 16, 16, 16))
        self.teacher = [teacher]  # in a list, so that it is not trained and not saved

    def training_step(self, batch, _):
        images, labels, _ = batch
        logits, maps = grad_cam(self.model, images, labels)
        teacher_logits, teacher_maps = grad_cam(self.teacher[0], images, labels)
        soft = F.kl_div((logits / 4).log_softmax(1), (teacher_logits.detach() / 4).log_softmax(1), log_target=True, reduction="batchmean")
        unit = lambda maps: F.normalize(maps.flatten(1), dim=1)
        alike = (unit(maps) - unit(teacher_maps.detach())).square().sum(1).mean()
        loss = 16 * soft + 0.5 * alike
        self.log("loss", loss, prog_bar=True)
        return loss


L.seed_everything(1)
train, val, test = loaders()
student = Student(trained("guided.ckpt").model)
fit = trainer(logger=False, enable_checkpointing=False)
fit.fit(student, train, val)
fit.test(student, test)
torch.save(student.model.state_dict(), "student.pt")
