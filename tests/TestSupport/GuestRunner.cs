using System.Globalization;
using System.Runtime.ExceptionServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.TestSupport;

/// <summary>Runs a vCPU on a thread of its own, with a deadline that kicks it and fails the test with the guest's registers.</summary>
public sealed class GuestRunner : IDisposable
{
    /// <summary>How long a guest may take if the test does not say otherwise.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan KickDeadline = TimeSpan.FromSeconds(5);

    private readonly KvmVcpu _vcpu;
    private readonly GuestExitHandler _onExit;
    private readonly Func<bool>? _onKick;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _attached = new();
    private volatile bool _stop;
    private volatile VcpuKick? _kick;
    private string _registers = "The vCPU's thread never started.";
    private ExceptionDispatchInfo? _failure;

    private GuestRunner(KvmVcpu vcpu, GuestExitHandler onExit, Func<bool>? onKick)
    {
        _vcpu = vcpu;
        _onExit = onExit;
        _onKick = onKick;
        _thread = new Thread(RunVcpu) { Name = "vcpu-" + vcpu.Id.ToString(CultureInfo.InvariantCulture), IsBackground = true };
    }

    /// <summary>Brings the vCPU out of KVM_RUN.</summary>
    public VcpuKick Kick => _kick ?? throw new InvalidOperationException("The vCPU's thread could not be prepared for kicks.");

    /// <summary>Runs a guest to its end.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="onExit">Answers each exit; false ends the run. Late signals are not shown to it.</param>
    /// <param name="deadline">How long the guest may take.</param>
    /// <exception cref="GuestDeadlineException">The guest took longer.</exception>
    public static void Run(TinyGuest guest, GuestExitHandler onExit, TimeSpan? deadline = null)
    {
        using GuestRunner runner = Start(guest.Vcpu, onExit);
        runner.WaitForEnd(deadline ?? DefaultDeadline);
    }

    /// <summary>Starts a vCPU.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="onExit">Answers each exit; false ends the run.</param>
    /// <param name="onKick">Called on the vCPU's thread when a kick arrived; false ends the run. Null ignores kicks.</param>
    public static GuestRunner Start(KvmVcpu vcpu, GuestExitHandler onExit, Func<bool>? onKick = null)
    {
        GuestRunner runner = new(vcpu, onExit, onKick);
        runner._thread.Start();
        runner._attached.Wait();
        return runner;
    }

    /// <summary>Waits until the guest has come to its end, and throws what went wrong on its thread.</summary>
    /// <param name="deadline">How long to wait before the vCPU is kicked out.</param>
    /// <exception cref="GuestDeadlineException">The guest took longer.</exception>
    public void WaitForEnd(TimeSpan deadline)
    {
        bool inTime = _thread.Join(deadline);
        if (!inTime)
        {
            Stop();
        }

        _failure?.Throw();
        if (!inTime)
        {
            throw new GuestDeadlineException(string.Create(
                CultureInfo.InvariantCulture, $"The guest did not end within {deadline.TotalSeconds} s.\n{_registers}"));
        }
    }

    /// <summary>Kicks the vCPU out for good and waits for its thread.</summary>
    /// <exception cref="GuestDeadlineException">The vCPU does not even leave for a kick.</exception>
    public void Stop()
    {
        _stop = true;
        _kick?.Kick();
        if (!_thread.Join(KickDeadline))
        {
            throw new GuestDeadlineException("The vCPU did not leave KVM_RUN within 5 s of a kick.");
        }
    }

    /// <summary>Stops the vCPU if it still runs.</summary>
    public void Dispose()
    {
        Stop();
        _attached.Dispose();
    }

    /// <summary>The registers, as a failed test shows them.</summary>
    /// <param name="vcpu">A vCPU that does not run.</param>
    public static string DescribeRegisters(KvmVcpu vcpu)
    {
        KvmRegs r = vcpu.GetRegs();
        KvmSregs s = vcpu.GetSregs();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            rip={r.Rip:x16} rflags={r.Rflags:x16} cs={s.Cs.Selector:x4}:{s.Cs.Base:x} ss={s.Ss.Selector:x4}:{s.Ss.Base:x}
            rax={r.Rax:x16} rbx={r.Rbx:x16} rcx={r.Rcx:x16} rdx={r.Rdx:x16}
            rsi={r.Rsi:x16} rdi={r.Rdi:x16} rbp={r.Rbp:x16} rsp={r.Rsp:x16}
             r8={r.R8:x16}  r9={r.R9:x16} r10={r.R10:x16} r11={r.R11:x16}
            r12={r.R12:x16} r13={r.R13:x16} r14={r.R14:x16} r15={r.R15:x16}
            cr0={s.Cr0:x} cr2={s.Cr2:x} cr3={s.Cr3:x} cr4={s.Cr4:x} efer={s.Efer:x}
            """);
    }

    private void RunVcpu()
    {
        try
        {
            using VcpuKick kick = VcpuKick.AttachCurrentThread(_vcpu);
            _kick = kick;
            _attached.Set();
            RunLoop(kick);
            _registers = DescribeRegisters(_vcpu);
        }
#pragma warning disable CA1031 // Whatever goes wrong on this thread is thrown on the test's.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            _attached.Set();
        }
    }

    private void RunLoop(VcpuKick kick)
    {
        bool goesOn = true;
        while (goesOn && !_stop)
        {
            VcpuExit exit = _vcpu.Run();
            if (exit.Reason == VcpuExitReason.Interrupted)
            {
                bool wasKicked = kick.Acknowledge();
                goesOn = !wasKicked || _stop || (_onKick?.Invoke() ?? true);
            }
            else
            {
                goesOn = _onExit(exit);
            }
        }
    }
}
