"""Installs into a folder, builds a small project outside the tree against it, runs that and asks it."""

import os
import re
import shutil
import subprocess
import tempfile

from support.case import NodeTestCase, main

SOURCE = os.environ["NEXUS_SOURCE_DIR"]
BUILD = os.environ["NEXUS_BUILD_DIR"]


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def packages_of(section):
    """The packages of one section of the list that the scripts install."""
    with open(os.path.join(SOURCE, "deploy", "debian-packages.txt"), encoding="utf-8") as file:
        text = file.read()
    lines = text.partition(f"[{section}]\n")[2].partition("\n[")[0].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def with_dependencies(packages):
    """Those, what they depend on, and so on, as far as it is installed here."""
    found, left = set(), list(packages)
    while left:
        package = left.pop()
        if package in found:
            continue
        found.add(package)
        depends = output_of("dpkg-query", "--show", "--showformat=${Depends}, ${Pre-Depends}", package)
        left += [re.split(r"[ :(]", word.strip())[0] for word in re.split(r"[,|]", depends) if word.strip()]
    return found


def owners_of(path):
    """The packages that a file belongs to. Packages may name /lib what is a link to /usr/lib."""
    paths = {path, os.path.realpath(path), path.removeprefix("/usr"), "/usr" + path}
    return {line.split(":")[0] for line in output_of("dpkg", "-S", *paths).splitlines()}


class Package(NodeTestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="nexus-package-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.prefix = os.path.join(self.folder, "prefix")

    def run_ok(self, *command, **options):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def installed(self, *path):
        return os.path.join(self.prefix, *path)

    def install(self, **options):
        self.run_ok("cmake", "--install", BUILD, "--prefix", options.pop("prefix", self.prefix), **options)

    def test_a_project_outside_the_tree_builds_a_node_with_a_kind_of_its_own(self):
        self.install()
        project = shutil.copytree(os.path.join(SOURCE, "tests", "package", "greeter"), os.path.join(self.folder, "greeter"))
        build = os.path.join(self.folder, "build")
        self.run_ok("cmake", "-S", project, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.run_ok("cmake", "--build", build)
        node = self.start(program=os.path.join(build, "greeter"))
        client = self.client(node)
        self.assertIn("greeter", client.kinds())
        client.spawn("greeter", "g")
        self.assertEqual(client.ask("g", "world"), {"hello": "world"})

    def test_everything_is_where_it_belongs(self):
        self.install()
        for path in ("bin/nexusd", "bin/nexusctl", "etc/nexus/node.yaml", "lib/systemd/system/nexusd.service",
                     "share/bash-completion/completions/nexusctl", "share/zsh/vendor-completions/_nexusctl",
                     "share/fish/vendor_completions.d/nexusctl.fish", "include/nexus/daemon/node.h",
                     "include/nexus/core/actor/actor.h", "share/nexus/proto/nexus/v1/actor_service.proto"):
            self.assertTrue(os.path.exists(self.installed(path)), f"{path} is missing")
        headers = [os.path.join(place, name) for place, _, names in os.walk(self.installed("include")) for name in names]
        self.assertTrue(all(header.endswith(".h") for header in headers))
        self.assertFalse([header for header in headers if "/cli/" in header])
        with open(self.installed("lib/systemd/system/nexusd.service"), encoding="utf-8") as file:
            self.assertIn(f"ExecStart={self.prefix}/bin/nexusd --config {self.prefix}/etc/nexus/node.yaml", file.read())
        self.run_ok(self.installed("bin/nexusd"), "--check", "--config", self.installed("etc/nexus/node.yaml"))

    def test_the_programs_load_only_what_the_run_packages_bring(self):
        allowed = with_dependencies(packages_of("run"))
        for name in ("nexusd", "nexusctl"):
            libraries = re.findall(r"=> (/\S+)", self.run_ok("ldd", os.path.join(BUILD, "bin", name)))
            self.assertGreater(len(libraries), 10)
            for library in libraries:
                owners = owners_of(library)
                self.assertTrue(owners & allowed, f"{name} loads {library} of {owners or 'no package'}, which "
                                                  "deploy/debian-packages.txt does not name below [run]")

    def test_an_operators_configuration_is_kept(self):
        self.install()
        path = self.installed("etc/nexus/node.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# mine\n")
        self.install()
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "# mine\n")

    def test_below_usr_the_configuration_is_in_etc(self):
        staged = os.path.join(self.folder, "staged")
        self.install(prefix="/usr", env=dict(os.environ, DESTDIR=staged))
        for path in ("usr/bin/nexusd", "etc/nexus/node.yaml", "usr/lib/systemd/system/nexusd.service"):
            self.assertTrue(os.path.exists(os.path.join(staged, path)), f"{path} is missing")
        with open(os.path.join(staged, "usr/lib/systemd/system/nexusd.service"), encoding="utf-8") as file:
            self.assertIn("ExecStart=/usr/bin/nexusd --config /etc/nexus/node.yaml", file.read())

    def test_the_unit_is_valid_and_has_few_rights(self):
        self.install()
        unit = self.installed("lib/systemd/system/nexusd.service")
        self.run_ok("systemd-analyze", "verify", unit)
        # The threshold counts tenths.
        self.run_ok("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)

    def test_a_wrong_configuration_ends_the_main_process_for_good(self):
        """systemd looks at RestartPreventExitStatus for the main process only: whatever may fail before it is tried for ever."""
        self.install()
        with open(self.installed("lib/systemd/system/nexusd.service"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertIn("RestartPreventExitStatus=2 3", lines)
        self.assertFalse([line for line in lines if line.startswith("ExecStartPre")])


if __name__ == "__main__":
    main()
