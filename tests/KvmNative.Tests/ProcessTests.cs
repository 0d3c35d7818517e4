using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Interop;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class ProcessTests
{
    [Fact]
    public void ThreadName_IsWhatTheKernelShows()
    {
        string name = "";
        string shown = "";
        OnThread(() =>
        {
            ThreadName.SetCurrent("vcpu-0");
            name = ThreadName.GetCurrent();
            shown = File.ReadAllText($"/proc/self/task/{LibC.GetThreadId()}/comm").TrimEnd();
        });

        Assert.Equal("vcpu-0", name);
        Assert.Equal("vcpu-0", shown);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("exactly-15-long", "exactly-15-long")]
    [InlineData("sixteen-is-one-t", "sixteen-is-one-")]
    [InlineData("cut-before-é-é", "cut-before-é-")]
    [InlineData("shorter\0than-it", "shorter")]
    public void ThreadName_TooLong_IsCutBetweenCharacters(string name, string expected)
    {
        string shown = "?";
        OnThread(() =>
        {
            ThreadName.SetCurrent(name);
            shown = ThreadName.GetCurrent();
        });

        Assert.Equal(expected, shown);
    }

    [Fact]
    public void LockedMemoryLimit_IsWhatTheKernelShows()
    {
        string[] words = File.ReadLines("/proc/self/limits")
            .First(line => line.StartsWith("Max locked memory", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);

        ResourceLimit limit = ResourceLimit.GetLockedMemory();

        Assert.Equal((Parse(words[3]), Parse(words[4])), (limit.Soft, limit.Hard));

        static ulong Parse(string word) =>
            word == "unlimited" ? ResourceLimit.Unlimited : ulong.Parse(word, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void TerminalMode_RawAndBack()
    {
        using SafeFileHandle master = OpenTerminal(out string slavePath);
        using SafeFileHandle slave = File.OpenHandle(slavePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int fd = (int)slave.DangerousGetHandle();
        string before = Stty(slavePath, "-g");
        Assert.DoesNotContain(" -icanon", Stty(slavePath, "-a"), StringComparison.Ordinal);

        TerminalMode? mode = TerminalMode.TryEnterRaw(fd);

        Assert.NotNull(mode);
        string raw = Stty(slavePath, "-a");
        foreach (string setting in new[] { "-icanon", "-echo", "-isig", "-ixon", "-icrnl" })
        {
            Assert.Contains(" " + setting, " " + raw.Replace('\n', ' '), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(" -opost", raw, StringComparison.Ordinal);

        // Ctrl-C, Ctrl-A X and a carriage return arrive as they are, at once and without an echo.
        byte[] keys = [3, 1, (byte)'x', 13];
        byte[] received = new byte[8];
        Assert.Equal(4, NativeFile.Write((int)master.DangerousGetHandle(), keys));
        Assert.Equal(4, NativeFile.Read(fd, received));
        Assert.Equal(keys, received[..4]);
        using EventFd stop = EventFd.Create();
        Assert.False(NativeFile.WaitReadable((int)master.DangerousGetHandle(), stop, 50));

        mode.Dispose();
        Assert.Equal(before, Stty(slavePath, "-g"));
        mode.Dispose();
        Assert.Equal(before, Stty(slavePath, "-g"));
    }

    [Fact]
    public void TerminalMode_ReadSize_IsWhatWasSet()
    {
        using SafeFileHandle master = OpenTerminal(out string slavePath);
        using SafeFileHandle slave = File.OpenHandle(slavePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int fd = (int)slave.DangerousGetHandle();
        Assert.Null(TerminalMode.ReadSize(fd)); // a new one does not know

        Stty(slavePath, "cols 132 rows 43");

        Assert.Equal(((ushort)132, (ushort)43), TerminalMode.ReadSize(fd));
    }

    [Fact]
    public void TerminalMode_NoTerminal_IsNull()
    {
        using EventFd fd = EventFd.Create();

        Assert.Null(TerminalMode.ReadSize(fd.Descriptor));

        Assert.False(TerminalMode.IsTerminal(fd.Descriptor));
        Assert.Null(TerminalMode.TryEnterRaw(fd.Descriptor));
    }

    [Fact]
    public void TerminalMode_TerminalThatIsGone_DisposeDoesNotThrow()
    {
        SafeFileHandle master = OpenTerminal(out string slavePath);
        using SafeFileHandle slave = File.OpenHandle(slavePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        TerminalMode? mode = TerminalMode.TryEnterRaw((int)slave.DangerousGetHandle());
        Assert.NotNull(mode);
        master.Dispose();

        mode.Dispose();
    }

    private static void OnThread(Action action)
    {
        Thread thread = new(() => action());
        thread.Start();
        thread.Join();
    }

    private static SafeFileHandle OpenTerminal(out string slavePath)
    {
        const nuint UnlockRequest = 0x4004_5431;
        const nuint NumberRequest = 0x8004_5430;
        SafeFileHandle master = File.OpenHandle("/dev/ptmx", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        nint number = Marshal.AllocHGlobal(sizeof(int));
        try
        {
            Marshal.WriteInt32(number, 0);
            Assert.Equal(0, LibC.Ioctl(master, UnlockRequest, (nuint)number));
            Assert.Equal(0, LibC.Ioctl(master, NumberRequest, (nuint)number));
            slavePath = $"/dev/pts/{Marshal.ReadInt32(number)}";
            return master;
        }
        finally
        {
            Marshal.FreeHGlobal(number);
        }
    }

    private static string Stty(string path, string option)
    {
        ProcessStartInfo start = new("stty", ["-F", path, .. option.Split(' ')]) { RedirectStandardOutput = true };
        using Process stty = Process.Start(start)!;
        string output = stty.StandardOutput.ReadToEnd();
        stty.WaitForExit();
        Assert.Equal(0, stty.ExitCode);
        return output;
    }
}
