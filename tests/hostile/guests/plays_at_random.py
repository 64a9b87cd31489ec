import errand
import os
import random

chance = random.Random(errand.input['seed'])
held = []


def everything():
    return [os.path.join(at, name) for at, inner, names in os.walk('.') for name in names + inner]


def beside(call):
    fd = call()
    try:
        os.ftruncate(fd, chance.randrange(5_000))
    finally:
        os.close(fd)


def play():
    there = everything() or ['none']
    places = ['.', 'linked'] + [path for path in there if os.path.isdir(path)]
    one, other = chance.choice(there), chance.choice(there)
    new = os.path.join(chance.choice(places), f'n{chance.randrange(12)}')
    size = chance.randrange(5_000)
    way = chance.randrange(21)
    if way < 4: held.append(open(one, ['r+b', 'rb', 'wb', 'ab'][way]))
    elif way == 4 and held: chance.choice(held).write(bytes(size))
    elif way == 5 and held: chance.choice(held).truncate(size)
    elif way == 6 and held: held.pop(chance.randrange(len(held))).close()
    elif way == 7: os.remove(one)
    elif way == 8: os.rename(one, other)
    elif way == 9: os.rename(one, new)
    elif way == 10: os.rename(one, os.path.join(os.path.dirname(one), '.', os.path.basename(one)))
    elif way == 11: os.link(one, new)
    elif way == 12: os.symlink(os.path.basename(one), new)
    elif way == 13: os.truncate(one, size)
    elif way == 14: open(new, 'wb').write(bytes(size))
    elif way == 15: os.mkdir(new)
    elif way == 16: os.rmdir(one)
    elif way == 17: beside(lambda: os.open(one, os.O_RDONLY))
    elif way == 18: beside(lambda: os.open(one, os.O_RDWR | os.O_EXCL))
    elif way == 19: beside(lambda: os.open(new, os.O_RDONLY | os.O_CREAT))
    elif way == 20: beside(lambda: os.open(one, os.O_RDWR | os.O_TRUNC | getattr(os, 'O_SYNC', 0)))


for _ in range(errand.input['plays']):
    try:
        play()
    except (OSError, ValueError):
        pass
for file in held:
    try:
        file.close()
    except OSError:
        pass
sizes = {}
for path in everything():
    if os.path.isfile(path) and not os.path.islink(path):
        stat = os.lstat(path)
        sizes[stat.st_ino] = stat.st_size
with open('last', 'wb') as last:
    last.write(bytes(errand.input['limit'] - sum(sizes.values()) + errand.input['more']))
