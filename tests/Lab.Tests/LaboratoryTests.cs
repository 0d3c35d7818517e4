namespace KvmSevVmm.Lab.Tests;

/// <summary>What <see cref="Laboratory"/> does with a laboratory that fails: a script plays it.</summary>
public sealed class LaboratoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-laboratory-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("ERROR:tcg-accel-ops.c:81:tcg_handle_interrupt: assertion failed: (qemu_mutex_iothread_locked())", 125, 2)]
    [InlineData("ERROR:tcg-accel-ops.c:81:tcg_handle_interrupt: assertion failed: (qemu_mutex_iothread_locked())", 1, 1)]
    [InlineData("Kernel panic - not syncing", 125, 1)]
    public void Run_StartsOnceMore_OnlyAfterTheEmulatorsOwnAssertion(string error, int code, int expectedStarts)
    {
        string starts = Path.Combine(_folder, "starts");
        string script = Path.Combine(_folder, "lab.sh");
        File.WriteAllText(script, $"#!/bin/sh\necho \"$1\" >> {starts}\necho '{error}' >&2\nexit {code}\n");

        LabOutput run = Laboratory.Run("/bin/sh", [script, "word"], TimeSpan.FromSeconds(20));

        Assert.Equal(code, run.ExitCode);
        Assert.Equal(Enumerable.Repeat("word", expectedStarts), File.ReadAllLines(starts));
    }
}
