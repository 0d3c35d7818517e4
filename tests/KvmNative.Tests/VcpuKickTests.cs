using System.Diagnostics;
using Iced.Intel;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

/// <summary>Together 10,000 kicks over three kinds of guest; each must arrive within 5 s.</summary>
public sealed class VcpuKickTests
{
    private static readonly TimeSpan KickLimit = TimeSpan.FromSeconds(5);

    [KvmFact]
    public void Kick_GuestThatSpins_IsNeverLost()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, Spin);

        KickManyTimes(guest, 3_334);
    }

    [KvmFact]
    public void Kick_GuestThatIsHaltedInTheKernel_IsNeverLost()
    {
        using TinyGuest guest = TinyGuest.Create(
            GuestMode.Long64,
            c =>
            {
                Label again = c.CreateLabel();
                c.Label(ref again);
                c.hlt();
                c.jmp(again);
            },
            configureVm: vm => vm.CreateIrqChip());

        KickManyTimes(guest, 3_333);
    }

    [KvmFact]
    public void Kick_GuestThatExitsAllTheTime_IsNeverLost()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            Label again = c.CreateLabel();
            c.Label(ref again);
            c.@out(0x10, al);
            c.jmp(again);
        });

        KickManyTimes(guest, 3_333);
    }

    [KvmFact]
    public void Kick_BeforeTheFirstRun_EndsIt()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, Spin);
        VcpuExitReason reason = VcpuExitReason.Unknown;
        bool wasKicked = false;
        Thread thread = OnOwnThread(() =>
        {
            using VcpuKick kick = VcpuKick.AttachCurrentThread(guest.Vcpu);
            kick.Kick();
            kick.Kick();
            reason = guest.Vcpu.Run().Reason;
            wasKicked = kick.Acknowledge();
        });

        Assert.True(thread.Join(KickLimit), "The kick was lost.");
        Assert.Equal(VcpuExitReason.Interrupted, reason);
        Assert.True(wasKicked);
    }

    [KvmFact]
    public void Acknowledge_TakesOneKick_AndTheGuestRunsOn()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.nop();
            c.hlt();
        });
        List<object> seen = [];
        Thread thread = OnOwnThread(() =>
        {
            using VcpuKick kick = VcpuKick.AttachCurrentThread(guest.Vcpu);
            seen.Add(kick.Acknowledge());
            kick.Kick();
            seen.Add(guest.Vcpu.Run().Reason);
            seen.Add(kick.Acknowledge());
            seen.Add(kick.Acknowledge());
            seen.Add(guest.Vcpu.Run().Reason);
        });

        Assert.True(thread.Join(KickLimit));
        Assert.Equal([false, VcpuExitReason.Interrupted, true, false, VcpuExitReason.Hlt], seen);
    }

    [KvmFact]
    public void Acknowledge_OnAnotherThread_Throws()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, Spin);
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, _ => true);

        Assert.Throws<InvalidOperationException>(() => runner.Kick.Acknowledge());
    }

    [KvmFact]
    public void Kick_AfterTheThreadHasGone_DoesNothing()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c => c.hlt());
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, exit => exit.Reason != VcpuExitReason.Hlt);
        runner.WaitForEnd(KickLimit);
        VcpuKick kick = runner.Kick;

        kick.Kick();
        guest.Dispose();
        kick.Kick();
        kick.Dispose();
        kick.Kick();
    }

    [KvmFact]
    public void Kick_ThreadThatEndedWithoutDisposing_DoesNothing()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c => c.hlt());
        VcpuKick? kick = null;
        Thread thread = OnOwnThread(() => kick = VcpuKick.AttachCurrentThread(guest.Vcpu));
        Assert.True(thread.Join(KickLimit));

        kick!.Kick();
        guest.Vcpu.Dispose();
        kick.Dispose();
    }

    [KvmFact]
    public void KickSignal_SentToTheWholeProcess_DoesNotEndIt()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, Spin);
        int kicks = 0;
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, _ => true, () =>
        {
            Interlocked.Increment(ref kicks);
            return true;
        });

        for (int i = 0; i < 20; i++)
        {
            using Process kill = Process.Start("/bin/kill", [$"-{VcpuKick.SignalNumber}", $"{Environment.ProcessId}"]);
            kill.WaitForExit();
            Assert.Equal(0, kill.ExitCode);
        }

        // Still alive, and a real kick still arrives.
        runner.Kick.Kick();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref kicks) == 1, KickLimit), "The kick was lost.");
    }

    [KvmFact]
    public void Kick_LeavesPosixSignalsToTheRuntime_GarbageCollectionGoesOnWhileTheGuestSpins()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, Spin);
        int exits = 0;
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, _ =>
        {
            exits++;
            return true;
        });
        Stopwatch watch = Stopwatch.StartNew();

        for (int i = 0; i < 20; i++)
        {
            GC.Collect();
        }

        Assert.True(watch.Elapsed < KickLimit, $"20 collections took {watch.Elapsed}: they waited for the guest.");
        Assert.Equal(0, exits);
    }

    private static void Spin(Assembler c)
    {
        Label again = c.CreateLabel();
        c.Label(ref again);
        c.jmp(again);
    }

    private static Thread OnOwnThread(Action action)
    {
        Thread thread = new(() => action()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void KickManyTimes(TinyGuest guest, int count)
    {
        // What real kicks do: write a request, kick, and wait for the answer.
        int request = 0;
        int answer = 0;
        using GuestRunner runner = GuestRunner.Start(guest.Vcpu, exit => exit.Reason == VcpuExitReason.Io, () =>
        {
            Volatile.Write(ref answer, Volatile.Read(ref request));
            return true;
        });
        int seed = Random.Shared.Next();
        Random random = new(seed);
        Stopwatch watch = new();

        for (int i = 1; i <= count; i++)
        {
            // One in four follows the last answer at once; the others come at any moment of the guest's run.
            double delay = i % 4 == 0 ? 0 : random.NextDouble() * 60;
            watch.Restart();
            while (watch.Elapsed.TotalMicroseconds < delay)
            {
            }

            Volatile.Write(ref request, i);
            runner.Kick.Kick();
            watch.Restart();
            SpinWait wait = default;
            while (Volatile.Read(ref answer) != i)
            {
                wait.SpinOnce();
                Assert.True(watch.Elapsed < KickLimit, $"Kick {i} of {count} was lost (seed {seed}).");
            }
        }
    }
}
