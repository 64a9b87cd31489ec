import errand
import os

reached = []


def attempt(what, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except (OSError, ValueError, NotImplementedError, errand.Error):
        return
    reached.append(what)


def read(path, **more):
    os.read(os.open(path, os.O_RDONLY, **more), 10)


def write(path, **more):
    os.write(os.open(path, os.O_WRONLY | os.O_CREAT, **more), b'HACKED')


def link(target, name, **at):
    try:
        os.symlink(target, name, **at)
    except OSError:
        # An absolute one is not even made.
        pass


def reach(place, **at):
    inside = {'src_dir_fd': None, 'dst_dir_fd': at.get('dir_fd')}
    outside = {'src_dir_fd': at.get('dir_fd'), 'dst_dir_fd': None}
    canary, escaped = place + '/canary', place + '/escaped-from-its-workspace'
    for path in [canary, place + '/./canary', place + '//canary']:
        attempt(['read', path], read, path, **at)
        attempt(['write', path], write, path, **at)
        attempt(['truncate', path], lambda: os.truncate(path, 0))
        attempt(['times', path], os.utime, path, (1, 2))
        attempt(['remove', path], os.remove, path, **at)
        attempt(['stat', path], os.stat, path, **at)
        attempt(['link in', path], os.link, path, 'linked', **outside)
        attempt(['move in', path], os.rename, path, 'moved', **outside)
        attempt(['publish', path], errand.publish, path)
    attempt(['list', place], lambda: os.listdir(place))
    attempt(['open', place], os.open, place, os.O_RDONLY | os.O_DIRECTORY, **at)
    attempt(['make', place], write, escaped, **at)
    attempt(['make directory', place], os.mkdir, escaped, **at)
    attempt(['make link', place], os.symlink, 'x', escaped, **at)
    attempt(['link out', place], os.link, 'w00', escaped, **inside)
    attempt(['move out', place], os.rename, 'w01', escaped, **inside)
    attempt(['move a directory out', place], os.rename, 'e', escaped, **inside)


up = ['..', '../..', '../../..', '../../../..', 'd/../..', 'd/../../..', '/workspace/..', '../workspaces']
outside = errand.input['outside'] + up + ['/etc', '/tmp', '/proc/self/cwd', '/proc/self/root']
for number, place in enumerate(outside):
    reach(place)
    # By a link, by a link to that, and where a directory was when it was opened.
    link(place, f'link-{number}')
    link(f'link-{number}', f'again-{number}')
    reach(f'link-{number}')
    reach(f'again-{number}')
    os.mkdir(f'swapped-{number}')
    open(f'swapped-{number}/canary', 'w').write('own')
    held = os.open(f'swapped-{number}', os.O_RDONLY | os.O_DIRECTORY)
    os.rename(f'swapped-{number}', f'aside-{number}')
    link(place, f'swapped-{number}')
    reach(f'swapped-{number}')
    reach('..', dir_fd=held)
    reach('../..', dir_fd=held)
    reach(f'../link-{number}', dir_fd=held)
    link(place, 'out', dir_fd=held)
    reach('out', dir_fd=held)
# A directory that was moved while it is held, and one that is gone.
os.makedirs('deep/er/est')
held = os.open('deep/er/est', os.O_RDONLY | os.O_DIRECTORY)
os.rename('deep/er/est', 'shallow')
for place in ['..', '../..', '../../..', '../../../..']:
    reach(place, dir_fd=held)
os.rmdir('shallow')
for place in ['..', '../..', '../../..']:
    reach(place, dir_fd=held)
for path in ['x' * 100_000, '../' * 30_000 + 'etc/passwd', 'd/../' * 20_000 + '../canary', '\0', 'a\0b']:
    try:
        attempt(['open', path[:20]], read, path)
    except ValueError:
        pass
# What lies inside is reached the same way.
attempt('control', read, 'aside-0/canary')
result = reached
