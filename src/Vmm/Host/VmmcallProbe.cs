using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Host;

/// <summary>What a guest's VMMCALL does on this host.</summary>
public enum VmmcallVerdict
{
    /// <summary>It reaches user space as KVM_EXIT_HYPERCALL, and the answer comes back in RAX.</summary>
    Works = 0,

    /// <summary>The guest never came back from it; the deadline ended the trial.</summary>
    Spins,

    /// <summary>The guest got an exception (#UD as a rule) or KVM gave up.</summary>
    Faults,

    /// <summary>It came back, but not by way of user space or with a wrong answer.</summary>
    NotForwarded,

    /// <summary>The trial could not be made.</summary>
    NotTried,
}

/// <summary>Finds out by trying, with a deadline, whether guests can make the page-state hypercall on this host.</summary>
/// <remarks>
/// A software-nesting KVM offers the capability although its guests cannot execute VMMCALL: they fault or spin for ever. The
/// trial is a real-mode guest of a few bytes.
/// </remarks>
public static class VmmcallProbe
{
    private const uint GuestBytes = 0x10000;
    private const ushort CodeAddress = 0x1000;
    private const byte AnswerPort = 0x80;
    private const byte TestAnswer = 0x5A;

    /// <summary>mov eax, 12; xor ebx, ebx; mov ecx, 1; mov edx, 0x10; vmmcall; out 0x80, al; hlt.</summary>
    private static ReadOnlySpan<byte> GuestCode =>
    [
        0x66, 0xB8, 0x0C, 0, 0, 0,
        0x66, 0x31, 0xDB,
        0x66, 0xB9, 0x01, 0, 0, 0,
        0x66, 0xBA, 0x10, 0, 0, 0,
        0x0F, 0x01, 0xD9,
        0xE6, AnswerPort,
        0xF4,
    ];

    /// <summary>Runs the trial.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="deadline">How long the guest may take.</param>
    /// <returns>The verdict and one sentence of detail.</returns>
    public static (VmmcallVerdict Verdict, string Detail) Run(KvmDevice kvm, TimeSpan deadline)
    {
        try
        {
            return RunGuest(kvm, deadline);
        }
        catch (KvmException refused)
        {
            return (VmmcallVerdict.NotTried, refused.Message);
        }
    }

    private static (VmmcallVerdict Verdict, string Detail) RunGuest(KvmDevice kvm, TimeSpan deadline)
    {
        using KvmVm vm = kvm.CreateVm();
        if (((uint)vm.CheckExtension(KvmCap.ExitHypercall) & HypercallExits.MapGpaRange) == 0)
        {
            return (VmmcallVerdict.NotTried, "KVM_CAP_EXIT_HYPERCALL does not offer KVM_HC_MAP_GPA_RANGE");
        }

        vm.EnableCap(KvmCap.ExitHypercall, HypercallExits.MapGpaRange);
        using MappedRegion memory = MappedRegion.MapAnonymous(GuestBytes);
        GuestCode.CopyTo(memory.GetSpan(CodeAddress, GuestCode.Length));
        vm.SetUserMemoryRegion(0, 0, 0, GuestBytes, memory.Address);
        using KvmVcpu vcpu = vm.CreateVcpu(0);
        vcpu.SetCpuid2(kvm.GetSupportedCpuid());
        KvmSregs sregs = vcpu.GetSregs();
        sregs.Cs.Base = 0;
        sregs.Cs.Selector = 0;
        vcpu.SetSregs(sregs);
        vcpu.SetRegs(new KvmRegs { Rip = CodeAddress, Rflags = 2 });

        var trial = new Trial(vcpu);
        var thread = new Thread(trial.Main) { Name = "vmmcall-probe", IsBackground = true };
        thread.Start();
        bool isInTime = thread.Join(deadline);
        if (!isInTime)
        {
            trial.Stop();
            thread.Join();
        }

        trial.Dispose();
        return trial.Failure is { } failure ? (VmmcallVerdict.NotTried, failure) : trial.GetVerdict(isInTime);
    }

    private sealed class Trial : IDisposable
    {
        private readonly KvmVcpu _vcpu;
        private readonly ManualResetEventSlim _isAttached = new();
        private VcpuKick? _kick;
        private volatile bool _isStopRequested;
        private bool _wasForwarded;
        private byte? _answer;
        private VcpuExitReason _lastExit = VcpuExitReason.Interrupted;

        public Trial(KvmVcpu vcpu)
        {
            _vcpu = vcpu;
        }

        public string? Failure { get; private set; }

        public void Main()
        {
            try
            {
                _kick = VcpuKick.AttachCurrentThread(_vcpu);
                _isAttached.Set();
                while (!_isStopRequested && Step(_kick))
                {
                }
            }
            catch (KvmException refused)
            {
                Failure = refused.Message;
                _isAttached.Set();
            }
        }

        public void Stop()
        {
            _isStopRequested = true;
            _isAttached.Wait();
            _kick?.Kick();
        }

        public void Dispose()
        {
            _kick?.Dispose();
            _isAttached.Dispose();
        }

        public (VmmcallVerdict Verdict, string Detail) GetVerdict(bool isInTime) => (isInTime, _wasForwarded, _answer) switch
        {
            (true, true, TestAnswer) =>
                (VmmcallVerdict.Works, "VMMCALL reached user space as KVM_EXIT_HYPERCALL and its answer came back in RAX"),
            (false, _, _) => (VmmcallVerdict.Spins, "a guest that executes VMMCALL never comes back: KVM does not emulate it"),
            (true, _, null) => (VmmcallVerdict.Faults, $"a guest that executes VMMCALL ended with {_lastExit}"),
            (true, _, _) =>
                (VmmcallVerdict.NotForwarded, $"VMMCALL came back with {_answer} in AL, forwarded to user space: {_wasForwarded}"),
        };

        /// <summary>One exit.</summary>
        /// <returns>False when the trial is over.</returns>
        private bool Step(VcpuKick kick)
        {
            VcpuExit exit = _vcpu.Run();
            switch (exit.Reason)
            {
                case VcpuExitReason.Interrupted:
                    kick.Acknowledge();
                    return true;
                case VcpuExitReason.Hypercall:
                    _wasForwarded = exit.Hypercall.Nr == MapGpaRangeHandler.HypercallNumber;
                    exit.Hypercall.Ret = TestAnswer;
                    return true;
                case VcpuExitReason.Io when exit.Io.Port == AnswerPort && exit.Io.IsWrite:
                    _answer = exit.Data[0];
                    return true;
                default:
                    _lastExit = exit.Reason;
                    return false;
            }
        }
    }
}
