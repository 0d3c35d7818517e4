using System.Globalization;
using System.Text;
using Iced.Intel;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Words for a guest that crashed.</summary>
/// <param name="Explanation">Which vCPU stopped, and what its exit means; one line.</param>
/// <param name="State">The registers, and the instructions at RIP; several lines.</param>
public sealed record CrashReport(string Explanation, string State)
{
    private const int LongestInstruction = 15;
    private const int InstructionsShown = 5;

    /// <summary>Writes the report of a vCPU that has stopped.</summary>
    /// <param name="vcpu">The vCPU; called on its thread.</param>
    /// <param name="exit">Its last exit.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="mode">
    /// What protects the guest: its memory, and with SEV-ES its registers, are not read where they are encrypted.
    /// </param>
    /// <param name="cBitPosition">C-bit position, or null.</param>
    public static CrashReport Create(KvmVcpu vcpu, VcpuExit exit, GuestMemory memory, SevMode mode, int? cBitPosition)
    {
        var text = new StringBuilder();
        string explanation = string.Create(CultureInfo.InvariantCulture, $"vCPU {vcpu.Id}: {Explain(exit).TrimEnd('.')}");
        if (mode >= SevMode.SevEs)
        {
            // The kernel refuses, or for a VM of the legacy type answers with values that mean nothing.
            return new CrashReport(explanation, "  registers and code: encrypted");
        }

        try
        {
            KvmRegs regs = vcpu.GetRegs();
            KvmSregs sregs = vcpu.GetSregs();
            AppendRegisters(text, regs, sregs);
            if (mode == SevMode.Sev)
            {
                text.Append("\n  code: the guest's memory is encrypted");
            }
            else
            {
                AppendCode(text, vcpu, regs, sregs, memory, cBitPosition);
            }
        }
        catch (KvmException unreadable)
        {
            text.Append("\n  registers cannot be read: ").Append(unreadable.Message);
        }

        return new CrashReport(explanation, text.ToString().TrimStart('\n'));
    }

    /// <summary>What an exit means, in one sentence.</summary>
    /// <param name="exit">The exit.</param>
    public static string Explain(VcpuExit exit) => exit.Reason switch
    {
        VcpuExitReason.Shutdown =>
            "KVM_EXIT_SHUTDOWN, a triple fault: an exception while delivering a double fault, usually a broken IDT, stack or page table.",
        VcpuExitReason.InternalError => ExplainInternalError(ref exit.InternalError),
        VcpuExitReason.FailEntry => string.Create(
            CultureInfo.InvariantCulture,
            $"KVM_EXIT_FAIL_ENTRY, hardware reason 0x{exit.FailEntry.HardwareEntryFailureReason:x}: "
            + $"the processor refused the guest's state."),
        VcpuExitReason.ApResetHold =>
            "KVM_EXIT_AP_RESET_HOLD: the guest parked this vCPU, and there is no interrupt controller in the kernel that could start it.",
        VcpuExitReason.Hlt => "KVM_EXIT_HLT: halted, and no interrupt controller that could wake it.",
        VcpuExitReason.SystemEvent => string.Create(
            CultureInfo.InvariantCulture,
            $"KVM_EXIT_SYSTEM_EVENT, type {exit.SystemEvent.Type} ({(KvmSystemEventType)exit.SystemEvent.Type})."),
        _ => string.Create(
            CultureInfo.InvariantCulture, $"exit reason {(uint)exit.Reason} ({exit.Reason}), which this monitor does not handle."),
    };

    private static string ExplainInternalError(ref KvmRunInternalError error) => (KvmInternalError)error.Suberror switch
    {
        KvmInternalError.Emulation =>
            "KVM_EXIT_INTERNAL_ERROR, emulation failure: KVM's instruction emulator does not know the instruction at RIP.",
        KvmInternalError.SimulEx => "KVM_EXIT_INTERNAL_ERROR, simultaneous exceptions while delivering an event.",
        KvmInternalError.DeliveryEv => "KVM_EXIT_INTERNAL_ERROR, an exit while KVM was delivering an event.",
        KvmInternalError.UnexpectedExitReason => "KVM_EXIT_INTERNAL_ERROR, an exit reason that KVM did not expect.",
        _ => string.Create(CultureInfo.InvariantCulture, $"KVM_EXIT_INTERNAL_ERROR, suberror {error.Suberror}."),
    };

    private static void AppendRegisters(StringBuilder text, in KvmRegs r, in KvmSregs s)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n  rip {r.Rip:x16}  rflags {r.Rflags:x16}  cr0 {s.Cr0:x8}  cr4 {s.Cr4:x8}");
        text.Append(CultureInfo.InvariantCulture, $"\n  rax {r.Rax:x16}  rbx {r.Rbx:x16}  rcx {r.Rcx:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  rdx {r.Rdx:x16}  rsi {r.Rsi:x16}  rdi {r.Rdi:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  rsp {r.Rsp:x16}  rbp {r.Rbp:x16}  r8  {r.R8:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  r9  {r.R9:x16}  r10 {r.R10:x16}  r11 {r.R11:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  r12 {r.R12:x16}  r13 {r.R13:x16}  r14 {r.R14:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  r15 {r.R15:x16}  cr2 {s.Cr2:x16}  cr3 {s.Cr3:x16}");
        text.Append(CultureInfo.InvariantCulture, $"\n  efer {s.Efer:x}  cs {s.Cs.Selector:x4} base {s.Cs.Base:x}  ss {s.Ss.Selector:x4}");
        text.Append(CultureInfo.InvariantCulture, $"  gdt {s.Gdt.Base:x}/{s.Gdt.Limit:x}  idt {s.Idt.Base:x}/{s.Idt.Limit:x}");
    }

    private static void AppendCode(
        StringBuilder text, KvmVcpu vcpu, in KvmRegs regs, in KvmSregs sregs, GuestMemory memory, int? cBitPosition)
    {
        int bitness = sregs.Cs.L != 0 ? 64 : sregs.Cs.Db != 0 ? 32 : 16;
        ulong linear = bitness == 64 ? regs.Rip : sregs.Cs.Base + regs.Rip;
        Span<byte> code = stackalloc byte[InstructionsShown * LongestInstruction];
        int length = ReadLinear(vcpu, linear, code, memory, cBitPosition);
        if (length == 0)
        {
            text.Append("\n  code: not readable at rip (not mapped, or not RAM)");
            return;
        }

        byte[] bytes = code[..length].ToArray();
        var decoder = Iced.Intel.Decoder.Create(bitness, new ByteArrayCodeReader(bytes), regs.Rip);
        var formatter = new NasmFormatter();
        var output = new StringOutput();
        for (int i = 0; i < InstructionsShown; i++)
        {
            int offset = (int)(decoder.IP - regs.Rip);
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid && offset + LongestInstruction > length)
            {
                break;
            }

            formatter.Format(instruction, output);
            string hex = Convert.ToHexStringLower(bytes.AsSpan(offset, instruction.Length));
            text.Append(
                CultureInfo.InvariantCulture, $"\n  {(i == 0 ? "=>" : "  ")} {instruction.IP:x16}  {hex,-20} {output.ToStringAndReset()}");
        }
    }

    /// <summary>Reads guest memory by linear address, page by page, through the vCPU's own page tables.</summary>
    private static int ReadLinear(KvmVcpu vcpu, ulong linear, Span<byte> destination, GuestMemory memory, int? cBitPosition)
    {
        int done = 0;
        while (done < destination.Length)
        {
            if (!vcpu.TryTranslate(linear + (ulong)done, out ulong translated))
            {
                break;
            }

            ulong physical = cBitPosition is { } bit ? translated & ~(1UL << bit) : translated;
            int chunk = Math.Min(destination.Length - done, GuestPage.Size - (int)(physical & (GuestPage.Size - 1)));
            if (!memory.TryRead(new Gpa(physical), destination.Slice(done, chunk)))
            {
                break;
            }

            done += chunk;
        }

        return done;
    }
}
