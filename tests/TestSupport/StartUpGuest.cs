using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.TestSupport;

/// <summary>A guest that starts its application processors as kvm-unit-tests do, by INIT and start-up IPIs to all but itself.</summary>
public static class StartUpGuest
{
    private const int Trampoline = 0x3000;
    private const int Counter = 0x4000;
    private const uint ApicIcr = 0xFEE0_0300;
    private const uint ApicSpurious = 0xFEE0_00F0;
    private const uint InitAllButSelf = 0x000C_4500;
    private const uint StartAllButSelf = 0x000C_4600 | (Trampoline >> 12);
    private const ushort FwCfg = 0x510;
    private const ushort ProcessorCount = 5;
    private const byte ExitPort = 0xF4;

    /// <summary>Writes the guest: it exits with 0 once as many processors have counted themselves as fw_cfg says there are.</summary>
    /// <param name="c">The assembler, 32-bit.</param>
    public static void Write(Assembler c)
    {
        Label wait = c.CreateLabel();

        // The trampoline, in real mode: "lock inc word [cs:0x1000]; hlt" and once more "hlt"; CS is 0x300, so that this is the counter.
        byte[] trampoline = [0xF0, 0x2E, 0xFF, 0x06, 0x00, 0x10, 0xF4, 0xEB, 0xFD];
        for (int i = 0; i < trampoline.Length; i++)
        {
            c.mov(__byte_ptr[Trampoline + i], trampoline[i]);
        }

        c.mov(__word_ptr[Counter], 1);
        c.mov(__dword_ptr[ApicSpurious], 0x1FF);
        c.mov(__dword_ptr[ApicIcr], InitAllButSelf);
        c.mov(__dword_ptr[ApicIcr], StartAllButSelf);
        c.mov(dx, FwCfg);
        c.mov(ax, ProcessorCount);
        c.@out(dx, ax);
        c.inc(dx);
        c.@in(al, dx);
        c.mov(bl, al);
        c.@in(al, dx);
        c.mov(bh, al);
        c.Label(ref wait);
        c.pause();
        c.cmp(__word_ptr[Counter], bx);
        c.jne(wait);
        c.xor(eax, eax);
        c.@out(ExitPort, eax);
        c.hlt();
    }
}
