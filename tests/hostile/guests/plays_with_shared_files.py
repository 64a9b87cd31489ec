import os

NAMES = iter(sorted(name for name in os.listdir('.') if name.startswith('w')))
result = {}


def way(play):
    name = next(NAMES)
    try:
        result[play.__name__] = repr(play(name))
    except OSError as error:
        result[play.__name__] = 'refused: ' + str(error.strerror)


def put(name, *flags):
    fd = os.open(name, sum(flags))
    try:
        os.write(fd, b'HACKED')
    finally:
        os.close(fd)


def attempt(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        pass


@way
def update(name): open(name, 'r+').write('HACKED')
@way
def append(name): open(name, 'a').write('HACKED')
@way
def overwrite(name): open(name, 'w').write('HACKED')
@way
def empty(name): open(name, 'w').close()
@way
def truncate_by_path(name): os.truncate(name, 3)
@way
def grow_by_path(name): os.truncate(name, 300)
@way
def truncate_by_handle(name): open(name, 'r+').truncate(3)
@way
def write_only(name): put(name, os.O_WRONLY)
@way
def exclusive_alone(name): put(name, os.O_RDWR | os.O_EXCL)
@way
def exclusive_truncated(name): put(name, os.O_RDWR | os.O_EXCL | os.O_TRUNC)
@way
def exclusive_read(name):
    fd = os.open(name, os.O_RDONLY | os.O_EXCL)
    attempt(os.write, fd, b'HACKED')
    attempt(os.ftruncate, fd, 0)
    os.close(fd)
@way
def created_exclusively(name): put(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
@way
def created(name): put(name, os.O_WRONLY | os.O_CREAT)
@way
def created_for_reading(name):
    fd = os.open(name, os.O_RDONLY | os.O_CREAT)
    attempt(os.write, fd, b'HACKED')
    attempt(os.pwrite, fd, b'HACKED', 2)
    attempt(os.ftruncate, fd, 3)
    os.close(fd)
@way
def truncated_for_reading(name): os.close(os.open(name, os.O_RDONLY | os.O_TRUNC))
@way
def appended(name): put(name, os.O_WRONLY | os.O_APPEND)
@way
def synced(name): put(name, os.O_WRONLY | os.O_TRUNC | getattr(os, 'O_SYNC', 0))
@way
def directory_for_writing(name): os.close(os.open(name, os.O_RDWR | os.O_DIRECTORY))
@way
def only_read(name):
    fd = os.open(name, os.O_RDONLY)
    attempt(os.write, fd, b'HACKED')
    attempt(os.pwrite, fd, b'HACKED', 0)
    attempt(os.ftruncate, fd, 0)
    os.close(fd)
@way
def reopened(name):
    reader = open(name)
    open(name, 'r+').write('HACKED')
    attempt(os.write, reader.fileno(), b'HACKED')
    return reader.read()
@way
def beside_a_reader(name):
    reader, writer = open(name), open(name, 'r+')
    writer.write('HACKED'); writer.flush()
    reader.read(); writer.truncate(1)
@way
def two_writers(name):
    one, two = open(name, 'r+'), open(name, 'a')
    one.write('HACKED'); two.write('HACKED')
@way
def hard_link(name):
    os.link(name, 'linked-1'); open('linked-1', 'r+').write('HACKED')
@way
def hard_link_back(name):
    os.link(name, 'linked-2'); open(name, 'r+').write('HACKED')
@way
def hard_link_alone(name):
    os.link(name, 'linked-3'); os.remove(name); open('linked-3', 'a').write('HACKED')
@way
def hard_link_of_a_link(name):
    os.symlink(name, 'soft-0'); os.link('soft-0', 'linked-4'); open('linked-4', 'w').write('HACKED')
@way
def symlink(name):
    os.symlink(name, 'soft-1'); open('soft-1', 'r+').write('HACKED')
@way
def symlinks(name):
    os.symlink(name, 'soft-2'); os.symlink('./soft-2', 'soft-3'); os.symlink('d/../soft-3', 'soft-4')
    open('soft-4', 'a').write('HACKED')
@way
def symlinked_directory(name):
    os.symlink('.', 'here'); open('here/here/' + name, 'r+').write('HACKED')
@way
def symlink_and_exclusive(name):
    os.symlink(name, 'soft-5'); put('soft-5', os.O_RDWR | os.O_EXCL)
@way
def symlink_and_create(name):
    os.symlink('here/' + name, 'soft-6'); fd = os.open('soft-6', os.O_RDONLY | os.O_CREAT); attempt(os.ftruncate, fd, 1); os.close(fd)
@way
def replaced(name):
    open('mine', 'w').write('HACKED'); os.rename('mine', name); open(name, 'a').write('HACKED')
@way
def renamed(name): os.rename(name, 'moved'); open('moved', 'r+').write('HACKED')
@way
def renamed_over_its_like(name):
    os.rename(name, 'd/x'); open('d/x', 'r+').write('HACKED')
@way
def renamed_directory(name):
    os.rename('e', 'f'); open('f/y', 'r+').write('HACKED'); open('f/z', 'a').write('HACKED')
@way
def removed_and_made(name): os.remove(name); open(name, 'x').write('HACKED')
@way
def removed_while_open(name):
    reader, writer = open(name), open(name, 'r+')
    os.remove(name); writer.write('HACKED'); writer.flush(); open(name, 'w').write('HACKED')
@way
def times(name): os.utime(name, (1, 2)); open(name, 'r+').write('HACKED')
@way
def times_by_handle(name):
    fd = os.open(name, os.O_RDONLY); os.utime(fd, (1, 2)); os.close(fd)
@way
def mode(name): attempt(os.chmod, name, 0o777); put(name, os.O_WRONLY)
@way
def absolute(name): open('/workspace/' + name, 'r+').write('HACKED')
@way
def roundabout(name): open(f'd/.././/d/../{name}', 'r+').write('HACKED')
@way
def case(name): open(name.upper(), 'r+').write('HACKED')
@way
def trailing_slash(name): open(name + '/', 'r+').write('HACKED')
@way
def by_directory_handle(name):
    fd = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    at = os.open(name, os.O_RDWR | os.O_EXCL, dir_fd=fd); os.write(at, b'HACKED')
@way
def odd_name(name):
    odd = 'line\nand (deleted)'
    os.rename(name, odd); open(odd, 'r+').write('HACKED')
@way
def deleted_name(name):
    os.rename(name, 'gone (deleted)'); reader = open('gone (deleted)')
    os.remove('gone (deleted)'); attempt(os.ftruncate, reader.fileno(), 0); attempt(put, 'gone', os.O_WRONLY)
@way
def below_a_path_that_is_too_long(name):
    path = 'long'
    os.mkdir(path)
    while len(path) < 3_850:
        path += '/' + 'n' * 200
        os.mkdir(path)
    last = path + '/' + 'e' * (4_090 - len(path) - 1)
    os.rename(name, last)
    for flags in [os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_TRUNC, os.O_RDONLY | os.O_CREAT]:
        attempt(put, last, flags)
    attempt(os.truncate, last, 1)
@way
def below_more_directories_than_a_path_names(name):
    at = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(30):
        os.mkdir('m' * 200, dir_fd=at)
        at = os.open('m' * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    top = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    os.rename(name, 'last', src_dir_fd=top, dst_dir_fd=at)
    for flags in [os.O_RDWR, os.O_RDWR | os.O_EXCL, os.O_RDWR | os.O_TRUNC, os.O_RDONLY | os.O_CREAT]:
        fd = os.open('last', flags, dir_fd=at)
        attempt(os.write, fd, b'HACKED'); attempt(os.ftruncate, fd, 2); os.close(fd)
@way
def in_the_middle_of_many_links(name):
    os.symlink(name, 'chain-0')
    for n in range(50):
        os.symlink(f'chain-{n}', f'chain-{n + 1}')
    for n in [10, 38, 39, 40, 41, 50]:
        attempt(put, f'chain-{n}', os.O_RDWR | os.O_EXCL)
@way
def turn_by_turn(name):
    for n in range(50):
        os.rename(name, 'turn'); os.symlink('turn', name)
        attempt(put, name, os.O_RDWR)
        os.remove(name); os.rename('turn', name); os.link(name, 'turn'); os.remove(name); os.rename('turn', name)
