using System.Diagnostics;
using System.Text;
using KvmSevVmm.Sev.Measurement;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class SecretArchiveTests
{
    [Fact]
    public void ToBytes_OneFile_IsNewcByTheByte()
    {
        string expected =
            "070701000000010000810000000000000000000000000100000000000000030000000000000000000000000000000000000002" + "00000000a\0"
            + "key\0"
            + "0707010000000000000000000000000000000000000001000000000000000000000000000000000000000000000000"
            + "0000000B00000000TRAILER!!!\0";

        byte[] archive = SecretArchive.ToBytes([new SecretFile("a", "key"u8.ToArray())]);

        Assert.Equal(0, archive.Length % 16);
        Assert.Equal(expected, Encoding.ASCII.GetString(archive).TrimEnd('\0') + "\0");
    }

    [Fact]
    public void ToBytes_IsUnpackedByCpio()
    {
        Assert.SkipWhen(!File.Exists("/usr/bin/cpio"), "cpio is not installed");
        string folder = Directory.CreateTempSubdirectory("kvmsev-cpio-").FullName;
        try
        {
            byte[] archive = SecretArchive.ToBytes(
                [new SecretFile("/etc/keys/disk.key", "secret"u8.ToArray()), new SecretFile("etc/other", new byte[1000])]);
            using Process cpio = Process.Start(new ProcessStartInfo("/usr/bin/cpio", ["-i", "--quiet"])
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
            })!;
            cpio.StandardInput.BaseStream.Write(archive);
            cpio.StandardInput.Close();
            cpio.WaitForExit();

            Assert.Equal(0, cpio.ExitCode);
            Assert.Equal("secret", File.ReadAllText(Path.Combine(folder, "etc/keys/disk.key")));
            Assert.Equal(1000, new FileInfo(Path.Combine(folder, "etc/other")).Length);
            Assert.True(
                OperatingSystem.IsWindows() || File.GetUnixFileMode(Path.Combine(folder, "etc/keys/disk.key")) == UnixFileMode.UserRead);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("../up")]
    [InlineData("a//b")]
    [InlineData("a/./b")]
    [InlineData("a\nb")]
    [InlineData("TRAILER!!!")]
    public void ToBytes_BadName_IsRefused(string name) => Assert.Equal(
        "file name",
        Assert.Throws<SevFormatException>(() => SecretArchive.ToBytes([new SecretFile(name, default)])).Field);

    [Theory]
    [InlineData("a", "/a")]
    [InlineData("a", "a/b")]
    [InlineData("a/b", "a")]
    public void ToBytes_NamesThatCollide_AreRefused(string first, string second) => Assert.Equal(
        "file name",
        Assert.Throws<SevFormatException>(() =>
            SecretArchive.ToBytes([new SecretFile(first, default), new SecretFile(second, default)])).Field);
}
