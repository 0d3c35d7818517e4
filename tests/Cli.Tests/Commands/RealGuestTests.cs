using System.Diagnostics;
using System.Text.Json;
using Iced.Intel;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.TestSupport;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary><c>run</c> with real, tiny guests on this machine's KVM: none of them makes a hypercall, so any KVM will do.</summary>
public sealed class RealGuestTests : IDisposable
{
    private const ushort Com1 = 0x3F8;
    private const ushort DebugPort = 0x402;
    private const byte ExitPort = 0xF4;
    private readonly TempDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [KvmFact]
    public void Guest_ThatWritesToTheDebugExitPort_EndsWithItsCode()
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(al, 21);
            c.@out(ExitPort, al);
            c.hlt();
        });

        CliResult run = Run("run", "--kernel", kernel, "--debug-exit", "0xf4", "--serial", "off", "--timeout", "20s");

        Assert.Equal((21 << 1) | 1, run.ExitCode);
    }

    [KvmFact]
    public void Guest_ThatPrints_IsSeenAndMatched()
    {
        string kernel = WriteKernel(static c =>
        {
            Print(c, Com1, "hello from the guest\r\n");

            Label forever = c.CreateLabel();
            c.Label(ref forever);
            c.jmp(forever);
        });

        CliResult run = Run(
            "run", "--kernel", kernel, "--until", "hello .* guest", "--timeout", "20s", "--result", _folder.File("result.json"));

        Assert.Equal(ExitCode.Success, run.ExitCode);
        Assert.Contains("hello from the guest", run.Output, StringComparison.Ordinal);
        using JsonDocument result = JsonDocument.Parse(File.ReadAllText(_folder.File("result.json")));
        Assert.Equal("until-matched", result.RootElement.GetProperty("stop").GetProperty("reason").GetString());
        Assert.True(result.RootElement.GetProperty("exits").GetProperty("io").GetInt64() >= 22);
        JsonElement times = result.RootElement.GetProperty("times");
        Assert.True(times.GetProperty("firstRun").GetDouble() <= times.GetProperty("firstConsoleByte").GetDouble());
        Assert.True(times.GetProperty("firstConsoleByte").GetDouble() <= times.GetProperty("untilMatch").GetDouble());
        Assert.InRange(result.RootElement.GetProperty("peakRssBytes").GetInt64(), 1, 400 << 20);
    }

    [KvmFact]
    public void Guest_ThatWritesToTheFirmwaresDebugPort_IsReadInTheFile()
    {
        string kernel = WriteKernel(static c =>
        {
            Print(c, DebugPort, "SecCoreStartup\n");

            c.mov(al, 0);
            c.@out(ExitPort, al);
            c.hlt();
        });
        string log = _folder.File("debug.log");

        CliResult run = Run(
            "run", "--kernel", kernel, "--debug-console", log, "--debug-exit", "0xf4", "--serial", "off", "--timeout", "20s");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal("SecCoreStartup\n", File.ReadAllText(log));
    }

    [KvmFact]
    public void Guest_ThatNeverEnds_EndsByTimeout()
    {
        CliResult run = Run("run", "--kernel", WriteKernel(Spin), "--serial", "off", "--timeout", "300ms");

        Assert.Equal(ExitCode.Timeout, run.ExitCode);
        Assert.Contains("--timeout", run.Error, StringComparison.Ordinal);
    }

    [KvmFact]
    public void Guest_ThatFaults_EndsWithAReportOfRegistersAndCode()
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(rbx, 0x1122334455667788);
            c.ud2();
        });

        CliResult run = Run("run", "--kernel", kernel, "--serial", "off", "--timeout", "20s");

        Assert.Equal(ExitCode.GuestCrash, run.ExitCode);
        Assert.Contains("KVM_EXIT_SHUTDOWN, a triple fault", run.Error, StringComparison.Ordinal);
        Assert.Contains("rbx 1122334455667788", run.Error, StringComparison.Ordinal);
        Assert.Contains("0f0b", run.Error, StringComparison.Ordinal);
        Assert.Contains("ud2", run.Error, StringComparison.Ordinal);
    }

    [KvmFact]
    public void Guest_ThatResetsByTheKeyboardController_EndsWithReset()
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(al, 0xFE);
            c.@out(0x64, al);
            c.hlt();
        });

        Assert.Equal(ExitCode.GuestReset, Run("run", "--kernel", kernel, "--serial", "off", "--timeout", "20s").ExitCode);
    }

    [KvmFact]
    public void Guest_ThatSwitchesItselfOff_EndsWithSuccess()
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(dx, 0x600); // the sleep control register of the FADT
            c.mov(al, (5 << 2) | (1 << 5));
            c.@out(dx, al);
            c.hlt();
        });

        CliResult run = Run("run", "--kernel", kernel, "--serial", "off", "--timeout", "20s");

        Assert.Equal(ExitCode.Success, run.ExitCode);
        Assert.Contains("the guest powered off", run.Error, StringComparison.Ordinal);
    }

    [KvmFact]
    public void Guest_ThatPanics_IsSeen()
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(dx, 0x505);
            c.mov(al, 1);
            c.@out(dx, al);
            c.hlt();
        });

        Assert.Equal(ExitCode.GuestPanic, Run("run", "--kernel", kernel, "--serial", "off", "--timeout", "20s").ExitCode);
    }

    [KvmFact]
    public void Guest_WritesAndReadsRamAboveFourGiB()
    {
        // Above the boot page tables' reach: the guest adds a page directory, at 3 MiB, for the fifth GiB.
        const ulong Directory = 0x30_0000;
        string kernel = WriteKernel(static c =>
        {
            c.mov(rax, cr3);
            c.and(rax, -4096);
            c.mov(rdi, __qword_ptr[rax]);
            c.and(rdi, -4096); // the page-directory-pointer table
            c.mov(rax, Directory | 3);
            c.mov(__qword_ptr[rdi + (4 * 8)], rax);
            c.mov(rbx, Directory);
            c.mov(rax, 0x1_0000_0083);
            c.mov(__qword_ptr[rbx], rax);
            c.mov(rsi, 0x1_0000_1000);
            c.mov(__dword_ptr[rsi], 0x2A);
            c.mov(eax, __dword_ptr[rsi]);
            c.@out(ExitPort, al);
            c.hlt();
        });

        CliResult run = Run("run", "--kernel", kernel, "--memory", "4G", "--debug-exit", "0xf4", "--serial", "off", "--timeout", "20s");

        Assert.Equal((0x2A << 1) | 1, run.ExitCode);
    }

    [KvmTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    public void TestImage_StartsEveryProcessor(int vcpuCount)
    {
        string image = _folder.File("smp.flat");
        File.WriteAllBytes(image, MultibootKernel.Create(StartUpGuest.Write));

        CliResult run = Run("run", "--kernel", image, "--smp", $"{vcpuCount}", "--serial", "off", "--timeout", "60s");

        Assert.True(run.ExitCode == 1, $"{run.ExitCode} (1 is a test's success)\n{run.Error}");
    }

    /// <summary>As "realmode" of kvm-unit-tests has it: no interrupt controller is set up, as if a BIOS had done so.</summary>
    [KvmFact]
    public void TestImage_IsWokenByALineThatItRaises_AtTheVectorOfABios()
    {
        const uint Idt = 0x3000;
        const uint Handler = 0x5000;
        const uint Gate = Idt + (8 * 0x73);
        string image = _folder.File("irq.flat");
        File.WriteAllBytes(image, MultibootKernel.Create(static c =>
        {
            // The handler: "xor eax, eax; out 0xf4, eax; hlt".
            byte[] handler = [0x31, 0xC0, 0xE7, ExitPort, 0xF4];
            for (int i = 0; i < handler.Length; i++)
            {
                c.mov(__byte_ptr[Handler + i], handler[i]);
            }

            c.mov(esp, 0x9000);
            c.mov(__word_ptr[0x2000], 0x7FF);
            c.mov(__dword_ptr[0x2002], Idt);
            c.lidt(__[0x2000]);
            c.mov(eax, cs);
            c.shl(eax, 16);
            c.or(eax, Handler);
            c.mov(__dword_ptr[Gate], eax);
            c.mov(__dword_ptr[Gate + 4], 0x8E00);
            c.mov(dx, 0x200B);
            c.mov(eax, 1);
            c.@out(dx, eax);
            c.dec(eax);
            c.@out(dx, eax);
            c.sti();
            c.hlt();
            c.inc(eax);
            c.@out(ExitPort, eax);
            c.hlt();
        }));

        CliResult run = Run("run", "--kernel", image, "--serial", "off", "--timeout", "20s");

        Assert.True(run.ExitCode == 1, $"{run.ExitCode} (1 is a test's success)\n{run.Error}");
    }

    [KvmFact]
    public void TestImage_FindsItsArgumentsAndEndsWithItsStatus()
    {
        // argv[0] is the image's name: the argument is what stands behind the first blank, a digit here.
        string image = _folder.File("t");
        File.WriteAllBytes(image, MultibootKernel.Create(static c =>
        {
            c.mov(esi, __dword_ptr[ebx + 16]);
            c.movzx(eax, __byte_ptr[esi + 2]);
            c.sub(eax, '0');
            c.@out(ExitPort, eax);
            c.hlt();
        }));

        CliResult run = Run("run", "--kernel", image, "--append", "7", "--serial", "off", "--timeout", "20s");

        Assert.Equal((7 << 1) | 1, run.ExitCode);
    }

    [KvmFact]
    public void Guest_ThatNeverReports_LeavesAMapThatSaysUnreported()
    {
        string map = _folder.File("map.json");

        Run("run", "--kernel", WriteKernel(Spin), "--serial", "off", "--timeout", "300ms", "--memory", "64M", "--map-out", map);

        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(map));
        JsonElement[] ranges = [.. document.RootElement.GetProperty("ranges").EnumerateArray()];
        Assert.All(ranges, range => Assert.Equal("unreported", range.GetProperty("state").GetString()));
        Assert.Equal("0x4000000", ranges[^1].GetProperty("end").GetString());

        // What the loader put there, the monitor knows without a word of the guest's.
        Assert.Contains(ranges, range => range.TryGetProperty("label", out JsonElement label)
            && label.GetProperty("text").GetString() == "loader: zero page" && label.GetProperty("certainty").GetString() == "exact");
    }

    [KvmTheory]
    [InlineData("SIGINT", 130)]
    [InlineData("SIGTERM", 143)]
    public async Task Signal_EndsTheProcessCleanly(string signal, int exitCode)
    {
        string kernel = WriteKernel(static c =>
        {
            c.mov(dx, Com1);
            c.mov(al, (byte)'!');
            c.@out(dx, al);
            Spin(c);
        });
        string map = _folder.File("map.json");
        using Process process = Process.Start(new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "kvmsev"), ["run", "--kernel", kernel, "--timeout", "60s", "--map-out", map])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        try
        {
            Assert.Equal('!', process.StandardOutput.Read());
            using Process kill = Process.Start("kill", [$"-{signal[3..]}", $"{process.Id}"]);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            await process.WaitForExitAsync(deadline.Token);

            Assert.Equal(exitCode, process.ExitCode);
            Assert.True(File.Exists(map), "the map is written after a signal too");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    [KvmFact]
    public void ControlAX_EndsTheGuestAndTheTerminalIsRestored()
    {
        // script(1) gives the program a terminal; the settings before and after must be the same.
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script(1) is not installed");
        string kernel = WriteKernel(Spin);
        string command = $"stty -a > {_folder.File("before")}; "
            + $"{Path.Combine(AppContext.BaseDirectory, "kvmsev")} run --kernel {kernel} --timeout 30s; "
            + $"echo $? > {_folder.File("code")}; stty -a > {_folder.File("after")}";
        using Process process = Process.Start(new ProcessStartInfo("/usr/bin/script", ["-qec", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var deadline = Stopwatch.StartNew();
        while (!process.HasExited && deadline.Elapsed < TimeSpan.FromSeconds(40))
        {
            // Again and again: before the program has taken the terminal, keys are echoed and lost to the shell's line.
            process.StandardInput.Write("\u0001x");
            process.StandardInput.Flush();
            process.WaitForExit(500);
        }

        Assert.True(process.HasExited, output.IsCompleted ? output.Result : "script did not end");
        Assert.Equal("130", File.ReadAllText(_folder.File("code")).Trim());
        Assert.Equal(File.ReadAllText(_folder.File("before")), File.ReadAllText(_folder.File("after")));
    }

    [Fact]
    public void NoKvm_IsOneLineAndAHint()
    {
        CliResult run = Run("run", "--kernel", WriteKernel(Spin), "--kvm", _folder.File("no-such-device"), "--timeout", "5s");

        Assert.Equal(ExitCode.HostLacks, run.ExitCode);
        Assert.Contains("no-such-device", run.Error, StringComparison.Ordinal);
        Assert.True(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length <= 2, run.Error);
    }

    [KvmTheory]
    [InlineData("--memory", "900T", ExitCode.BadInput)]
    [InlineData("--memory", "8T", ExitCode.HostLacks)]
    [InlineData("--sev", "sev", ExitCode.HostLacks)]
    [InlineData("--exit-hypercalls", "0x1001", ExitCode.HostLacks)]
    public void Value_ThatTheHostCannotGive_IsOneLineAndAHint(string option, string value, int exitCode)
    {
        CliResult run = Run("run", "--kernel", WriteKernel(Spin), option, value, "--serial", "off", "--timeout", "5s");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.True(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length <= 2, run.Error);
    }

    [KvmFact]
    public void Doctor_TellsTheTruthOfThisHost()
    {
        CliResult doctor = Run("doctor", "--json");

        using JsonDocument document = JsonDocument.Parse(doctor.Output);
        JsonElement root = document.RootElement;
        JsonElement device = Find(root, "kvm-device");
        Assert.Equal("pass", device.GetProperty("status").GetString());
        bool canCall = Find(root, "vmmcall").GetProperty("status").GetString() == "pass";
        bool isAmd = Find(root, "cpu-vendor").GetProperty("status").GetString() == "pass";
        Assert.Equal(canCall && isAmd, root.GetProperty("run").GetProperty("simulated").GetProperty("usable").GetBoolean());
        Assert.Equal(
            root.GetProperty("tests").EnumerateArray().Count(static test => test.GetProperty("status").GetString() == "fail"),
            root.GetProperty("failures").GetInt32());
        Assert.Equal(
            Find(root, "sev-guest").GetProperty("status").GetString() == "pass",
            root.GetProperty("run").GetProperty("sev").GetProperty("usable").GetBoolean());
        Assert.NotEqual(0, root.GetProperty("run").GetProperty("sev").GetProperty("reason").GetString()!.Length);
    }

    [Fact]
    public void Doctor_WithoutKvm_SaysSoAndThatNothingCanRun()
    {
        CliResult doctor = Run("doctor", "--kvm", _folder.File("no-such-device"));

        Assert.Equal(ExitCode.Failure, doctor.ExitCode);
        Assert.Contains("FAIL  kvm-device", doctor.Output, StringComparison.Ordinal);
        Assert.Contains("no mode can be run here", doctor.Output, StringComparison.Ordinal);
        Assert.All(doctor.Output.Split('\n'), static line => Assert.True(line.Length <= 80, line));
    }

    private static JsonElement Find(JsonElement root, string name) =>
        root.GetProperty("tests").EnumerateArray().Single(test => test.GetProperty("name").GetString() == name);

    private static void Print(Assembler c, ushort port, string text)
    {
        c.mov(dx, port);
        foreach (char letter in text)
        {
            c.mov(al, (byte)letter);
            c.@out(dx, al);
        }
    }

    private static void Spin(Assembler c)
    {
        Label forever = c.CreateLabel();
        c.Label(ref forever);
        c.jmp(forever);
    }

    private static CliResult Run(params string[] arguments) => new CliRunner { Machine = new MachineRunner() }.RunWith(arguments);

    private string WriteKernel(Action<Assembler> code)
    {
        string path = _folder.File("tiny.elf");
        File.WriteAllBytes(path, TinyKernel.Create(code));
        return path;
    }
}
