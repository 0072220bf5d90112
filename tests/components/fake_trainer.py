"""Does on disk what ``pifpaf train`` does, without training: log, states with digests, checkpoints, exit codes."""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument('--output', type=Path)
parser.add_argument('--epochs', type=int, default=4)
parser.add_argument('--seconds', type=float, default=0.05, help='of an epoch')
parser.add_argument('--fail-at', type=int, help='end with 1 in this epoch')
parser.add_argument('--die-at', type=int, help='be killed in this epoch')
parser.add_argument('--code', type=int, help='end with this at once')
args = parser.parse_args()
if args.code is not None:
    sys.exit(args.code)

terminated = []
signal.signal(signal.SIGTERM, lambda *_: terminated.append(1))
args.output.parent.mkdir(parents=True, exist_ok=True)


def beside(suffix):
    return args.output.with_name(f'{args.output.name}.{suffix}')


def write(path, text):
    temporary = path.with_name(f'.{path.name}.part')
    temporary.write_text(text)
    temporary.replace(path)


def record(kind, **fields):
    now = time.time()
    stamp = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now)) + f',{int(now % 1 * 1000):03d}'
    with beside('log').open('a') as log:
        log.write(json.dumps({'message': '', 'asctime': stamp, 'type': kind, **fields}) + '\n')


def save_state(epoch):
    text = json.dumps({'epoch': epoch, 'pid': os.getpid()})
    digest = hashlib.sha256(text.encode()).hexdigest()
    write(beside('state.pt.sha256'), f'{digest}  {beside("state.pt").name}\n')
    write(beside('state.pt'), text)


start = json.loads(beside('state.pt').read_text())['epoch'] if beside('state.pt').exists() else 0
record('process', argv=sys.argv, args={'lr': 0.1, 'epochs': args.epochs, 'lr_decay': [1, 2]}, version='0')
record('config', field_names=['cocokp.cif.c', 'cocokp.caf.c'])
for epoch in range(start, args.epochs):
    if epoch == args.fail_at:
        sys.exit(1)
    if epoch == args.die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    for batch in range(2):
        loss = 100.0 - 10 * epoch - batch
        record('train', epoch=epoch, batch=batch, n_batches=2, time=0.1, data_time=0.0, lr=0.1, loss=loss,
               head_losses=[loss / 2, None])  # fmt: skip
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        if terminated:
            save_state(epoch)
            sys.exit(75)
    record(
        'train-epoch', epoch=epoch + 1, loss=99.5 - 10 * epoch, head_losses=[1.0, 2.0], time=1.0, images_per_second=8.0
    )
    save_state(epoch + 1)
    write(beside(f'epoch{epoch + 1:03d}.safetensors'), f'weights of epoch {epoch + 1}')
