using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <content>The processor's state. A guest whose state is protected (SEV-ES, SNP) answers EINVAL to most of it.</content>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>The size in bytes of the extended state before AMX: what KVM_GET_XSAVE writes.</summary>
    public const int LegacyXsaveLength = 4096;

    private const int FirstCpuidCount = 128;

    /// <summary>The size in bytes of the extended state on this host.</summary>
    public int XsaveLength { get; }

    /// <summary>Reads the general registers.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmRegs GetRegs() => Ioctl.Get<KvmRegs>(_handle, IoctlNumbers.GetRegs);

    /// <summary>Sets the general registers.</summary>
    /// <param name="regs">All of them.</param>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void SetRegs(in KvmRegs regs) => Ioctl.Set(_handle, IoctlNumbers.SetRegs, in regs);

    /// <summary>Reads segments, control registers and EFER.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmSregs GetSregs() => Ioctl.Get<KvmSregs>(_handle, IoctlNumbers.GetSregs);

    /// <summary>Sets segments, control registers and EFER.</summary>
    /// <param name="sregs">All of them.</param>
    /// <exception cref="KvmException">EINVAL: the processor could not run with these values.</exception>
    public void SetSregs(in KvmSregs sregs) => Ioctl.Set(_handle, IoctlNumbers.SetSregs, in sregs);

    /// <summary>The same with the PAE page-directory pointers.</summary>
    /// <exception cref="KvmException">ENOTTY: no KVM_CAP_SREGS2.</exception>
    public KvmSregs2 GetSregs2() => Ioctl.Get<KvmSregs2>(_handle, IoctlNumbers.GetSregs2);

    /// <summary>The same with the PAE page-directory pointers.</summary>
    /// <param name="sregs">All of them.</param>
    /// <exception cref="KvmException">EINVAL: the processor could not run with these values; ENOTTY: no KVM_CAP_SREGS2.</exception>
    public void SetSregs2(in KvmSregs2 sregs) => Ioctl.Set(_handle, IoctlNumbers.SetSregs2, in sregs);

    /// <summary>Reads the x87 and SSE state.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmFpu GetFpu() => Ioctl.Get<KvmFpu>(_handle, IoctlNumbers.GetFpu);

    /// <summary>Sets the x87 and SSE state.</summary>
    /// <param name="fpu">All of it.</param>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void SetFpu(in KvmFpu fpu) => Ioctl.Set(_handle, IoctlNumbers.SetFpu, in fpu);

    /// <summary>Reads the extended state.</summary>
    /// <param name="state">At least <see cref="XsaveLength"/> bytes.</param>
    /// <exception cref="ArgumentException">Too few bytes.</exception>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void GetXsave(Span<byte> state)
    {
        CheckXsave(state.Length);
        (uint request, string call) = XsaveLength > LegacyXsaveLength
            ? (IoctlNumbers.GetXsave2, "KVM_GET_XSAVE2")
            : (IoctlNumbers.GetXsave, "KVM_GET_XSAVE");

        // SAFETY: the kernel writes XsaveLength bytes, which it named itself and which fit; the span stays pinned.
        fixed (byte* bytes = state)
        {
            _ = Ioctl.Call(_handle, request, (nuint)bytes, call);
        }
    }

    /// <summary>Sets the extended state.</summary>
    /// <param name="state">At least <see cref="XsaveLength"/> bytes.</param>
    /// <exception cref="ArgumentException">Too few bytes.</exception>
    /// <exception cref="KvmException">EINVAL: components that the host lacks.</exception>
    public void SetXsave(ReadOnlySpan<byte> state)
    {
        CheckXsave(state.Length);

        // SAFETY: the kernel reads at most XsaveLength bytes, which are there; the span stays pinned.
        fixed (byte* bytes = state)
        {
            _ = Ioctl.Call(_handle, IoctlNumbers.SetXsave, (nuint)bytes);
        }
    }

    /// <summary>Reads the extended control registers.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmXcrs GetXcrs() => Ioctl.Get<KvmXcrs>(_handle, IoctlNumbers.GetXcrs);

    /// <summary>Sets the extended control registers.</summary>
    /// <param name="xcrs">Those to set.</param>
    /// <exception cref="KvmException">EINVAL: a bit that CPUID does not offer.</exception>
    public void SetXcrs(in KvmXcrs xcrs) => Ioctl.Set(_handle, IoctlNumbers.SetXcrs, in xcrs);

    /// <summary>Reads the debug registers.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmDebugregs GetDebugRegs() => Ioctl.Get<KvmDebugregs>(_handle, IoctlNumbers.GetDebugregs);

    /// <summary>Sets the debug registers.</summary>
    /// <param name="debugRegs">All of them.</param>
    /// <exception cref="KvmException">EINVAL: reserved bits.</exception>
    public void SetDebugRegs(in KvmDebugregs debugRegs) => Ioctl.Set(_handle, IoctlNumbers.SetDebugregs, in debugRegs);

    /// <summary>Reads MSRs, in order.</summary>
    /// <param name="entries">The indices on entry, the values on return.</param>
    /// <returns>The number of MSRs read; the next one was refused if this is less than the number asked for.</returns>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public int GetMsrs(Span<KvmMsrEntry> entries) => MsrTransfer.Get(_handle, entries);

    /// <summary>Writes MSRs, in order.</summary>
    /// <param name="entries">Indices and values.</param>
    /// <returns>The number of MSRs written; the next one was refused if this is less than the number given.</returns>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public int SetMsrs(ReadOnlySpan<KvmMsrEntry> entries) => MsrTransfer.Set(_handle, entries);

    /// <summary>Sets what CPUID answers. Before the first run.</summary>
    /// <param name="entries">All leaves.</param>
    /// <exception cref="KvmException">EINVAL: a leaf is refused, or the vCPU has run with another table; E2BIG: too many.</exception>
    public void SetCpuid2(ReadOnlySpan<KvmCpuidEntry2> entries)
    {
        using VariableArray<KvmCpuid2, KvmCpuidEntry2> table = new(entries.Length);
        table.Header.Nent = (uint)entries.Length;
        entries.CopyTo(table.Entries);
        _ = Ioctl.Call(_handle, IoctlNumbers.SetCpuid2, table.Address);
    }

    /// <summary>What CPUID answers.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmCpuidEntry2[] GetCpuid2()
    {
        // With too little room the kernel answers E2BIG and says how many there are.
        for (int capacity = FirstCpuidCount; ;)
        {
            using VariableArray<KvmCpuid2, KvmCpuidEntry2> table = new(capacity);
            table.Header.Nent = (uint)capacity;
            if (Ioctl.TryCall(_handle, IoctlNumbers.GetCpuid2, table.Address, out int errno) >= 0)
            {
                return table.Entries[..(int)table.Header.Nent].ToArray();
            }

            if (errno != (int)Errno.E2BIG || table.Header.Nent <= capacity || table.Header.Nent > ushort.MaxValue)
            {
                throw KvmException.FromErrno("KVM_GET_CPUID2", errno);
            }

            capacity = (int)table.Header.Nent;
        }
    }

    /// <summary>Reads the local APIC's registers.</summary>
    /// <exception cref="KvmException">EINVAL: there is no in-kernel APIC.</exception>
    public KvmLapicState GetLapic() => Ioctl.Get<KvmLapicState>(_handle, IoctlNumbers.GetLapic);

    /// <summary>Sets the local APIC's registers.</summary>
    /// <param name="lapic">All of them.</param>
    /// <exception cref="KvmException">EINVAL: there is no in-kernel APIC.</exception>
    public void SetLapic(in KvmLapicState lapic) => Ioctl.Set(_handle, IoctlNumbers.SetLapic, in lapic);

    /// <summary>Reads pending exceptions, interrupts and NMIs.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmVcpuEvents GetVcpuEvents() => Ioctl.Get<KvmVcpuEvents>(_handle, IoctlNumbers.GetVcpuEvents);

    /// <summary>Sets pending exceptions, interrupts and NMIs.</summary>
    /// <param name="events">All of them, with flags for the optional ones.</param>
    /// <exception cref="KvmException">EINVAL: unknown flags or values.</exception>
    public void SetVcpuEvents(in KvmVcpuEvents events) => Ioctl.Set(_handle, IoctlNumbers.SetVcpuEvents, in events);

    /// <summary>Whether the processor runs, is halted, or waits to be started.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmMpStateValue GetMpState() => (KvmMpStateValue)Ioctl.Get<KvmMpState>(_handle, IoctlNumbers.GetMpState).MpState;

    /// <summary>Sets whether the processor runs, is halted, or waits to be started.</summary>
    /// <param name="state">The state.</param>
    /// <exception cref="KvmException">EINVAL: another state than runnable without an in-kernel APIC.</exception>
    public void SetMpState(KvmMpStateValue state)
    {
        KvmMpState argument = new() { MpState = (uint)state };
        Ioctl.Set(_handle, IoctlNumbers.SetMpState, in argument);
    }

    /// <summary>
    /// Tells the guest, through its kvm-clock, that it was stopped, so that its watchdogs do not fire (KVM_KVMCLOCK_CTRL).
    /// </summary>
    /// <returns>False when this vCPU has no kvm-clock (EINVAL), so that there is nobody to tell.</returns>
    /// <exception cref="KvmException">The kernel refused for another reason.</exception>
    public bool TryTellOfPause()
    {
        if (Ioctl.TryCall(_handle, IoctlNumbers.KvmclockCtrl, 0, out int errno) >= 0)
        {
            return true;
        }

        return errno == (int)Errno.EINVAL ? false : throw KvmException.FromErrno("KVM_KVMCLOCK_CTRL", errno);
    }

    /// <summary>The frequency of the guest's time-stamp counter in kHz.</summary>
    /// <exception cref="KvmException">EIO: the host's counter is unstable.</exception>
    public int GetTscKhz() => Ioctl.Call(_handle, IoctlNumbers.GetTscKhz);

    /// <summary>Sets the frequency of the guest's time-stamp counter.</summary>
    /// <param name="khz">kHz; 0 takes the host's.</param>
    /// <exception cref="KvmException">EINVAL: the host can neither scale nor catch up to it.</exception>
    public void SetTscKhz(uint khz) => Ioctl.Call(_handle, IoctlNumbers.SetTscKhz, khz);

    private void CheckXsave(int length)
    {
        if (length < XsaveLength)
        {
            throw new ArgumentException($"The extended state takes {XsaveLength} bytes, not {length}.");
        }
    }
}
